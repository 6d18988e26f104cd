/** Reads from a session's log what it was before a prompt. */
import { sql, type SQL } from 'drizzle-orm';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { SetAside } from '@agent-manager/protocol/rewind.ts';
import type { Executor } from './client.ts';
import { isBoundary } from './schema.ts';

/** As many of the last messages are named; the newest is nearly always one that the agent keeps. */
const MESSAGES = 10;

export interface RewindPoint {
	/** So many turns began there and after. */
	turns: number;
	/** What keeps the files as they were before the prompt; null: nothing does. */
	kept: { commit: string; at: Date } | null;
}

const firstRow = async <T extends Record<string, unknown>>(
	db: Executor,
	query: SQL
): Promise<T | null> => ((await db.execute<T>(query)).rows[0] as T | undefined) ?? null;

const withoutRanges = (ranges: readonly SetAside[]): SQL =>
	ranges.length === 0
		? sql`true`
		: sql`not (${sql.join(
				ranges.map(({ from, to }) => sql`(seq >= ${from} and seq < ${to})`),
				sql` or `
			)})`;

/** Null when no prompt's turn began with that event. `began`: the commit that the worktree was made from. */
export const readRewindPoint = async (
	db: Executor,
	sessionId: SessionId,
	atSeq: number,
	setAside: readonly SetAside[],
	began: string | null
): Promise<RewindPoint | null> => {
	const here = sql`from events where session_id = ${sessionId}`;
	const prompt = await firstRow(
		db,
		sql`select 1 ${here} and ${isBoundary} and type = 'message.accepted' and seq < ${atSeq}
			and payload->>'commandId' = (select payload->>'commandId' ${here}
				and seq = ${atSeq} and type = 'runner.turn_started') limit 1`
	);
	if (!prompt) return null;
	const counted = await firstRow<{ turns: number }>(
		db,
		sql`select count(*)::int as turns ${here} and ${isBoundary} and type = 'runner.turn_started'
			and seq >= ${atSeq} and ${withoutRanges(setAside)}`
	);
	const end = await firstRow<{ seq: string }>(
		db,
		sql`select seq ${here} and ${isBoundary} and type = 'runner.turn_ended' and seq < ${atSeq}
			order by seq desc limit 1`
	);
	// What was kept before the last turn ended, or before files were put back, is of another time.
	const kept = await firstRow<{ type: string; commit: string | null; ts: string }>(
		db,
		sql`select type, payload->>'commit' as commit, ts ${here} and seq > ${Number(end?.seq ?? 0)}
			and seq < ${atSeq}
			and type in ('runner.checkpointed', 'session.rewound', 'session.rewind_undone')
			order by seq desc limit 1`
	);
	const made =
		end === null && began !== null && kept === null
			? await firstRow<{ ts: string; carried: string | null }>(
					db,
					sql`select ts, payload->'carried'->>'checkpoint' as carried ${here} and type = 'worktree.created' and seq < ${atSeq} limit 1`
				)
			: null;
	const turns = counted?.turns ?? 0;
	if (kept?.commit) return { turns, kept: { commit: kept.commit, at: new Date(kept.ts) } };
	const first = made?.carried ?? began;
	return { turns, kept: made && first ? { commit: first, at: new Date(made.ts) } : null };
};

/** The last messages of the agent's conversation before that event, newest first. */
export const readMessagesBefore = async (
	db: Executor,
	sessionId: SessionId,
	atSeq: number,
	setAside: readonly SetAside[],
	limit = MESSAGES
): Promise<string[]> => {
	const gone = setAside.filter(({ to }) => to <= atSeq);
	const messages = await db.execute<{ value: string }>(
		sql`select payload->>'uuid' as value from events where session_id = ${sessionId}
			and seq < ${atSeq} and ${withoutRanges(gone)}
			and type in ('claude.assistant', 'claude.user') and payload->>'parent_tool_use_id' is null
			and payload->>'uuid' is not null order by seq desc limit ${limit}`
	);
	return messages.rows.map(({ value }) => value);
};
