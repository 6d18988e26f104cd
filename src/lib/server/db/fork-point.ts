/** Reads from a session's log what it was when a turn had ended. */
import { sql, type SQL } from 'drizzle-orm';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { SetAside } from '@agent-manager/protocol/rewind.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import type { Executor } from './client.ts';
import { readMessagesBefore } from './rewind-point.ts';
import { isBoundary } from './schema.ts';

/** As many of the last messages are named; the newest is nearly always one that the agent keeps. */
const MESSAGES = 20;

type TurnEnd = Omit<ForkPoint, 'sessionId' | 'conversationId'>;

const firstValue = async <T>(db: Executor, query: SQL): Promise<T | null> =>
	((await db.execute<{ value: T }>(query)).rows[0]?.value as T | undefined) ?? null;

/** As of the newest turn that had ended by `atSeq`; null when none had, or nothing had begun. */
export const readTurnEnd = async (
	db: Executor,
	sessionId: SessionId,
	atSeq: number,
	setAside: readonly SetAside[]
): Promise<TurnEnd | null> => {
	const here = sql`from events where session_id = ${sessionId}`;
	const end = await firstValue<string>(
		db,
		sql`select seq as value ${here} and ${isBoundary} and type = 'runner.turn_ended'
			and seq <= ${atSeq} order by seq desc limit 1`
	);
	if (end === null) return null;
	const seq = Number(end);
	// Its commits came in and its files were kept after its end, before the next one began or they were put back.
	const next = await firstValue<string>(
		db,
		sql`select seq as value ${here} and ${isBoundary} and type = 'runner.turn_started'
			and seq > ${seq} order by seq limit 1`
	);
	const begun = next === null ? sql`true` : sql`seq < ${next}`;
	const rewind = await firstValue<string>(
		db,
		sql`select seq as value ${here} and type = 'git.requested' and seq > ${seq} and ${begun}
			and payload->'request'->>'kind' in ('rewind', 'undo_rewind') order by seq limit 1`
	);
	const until = rewind === null ? begun : sql`seq < ${rewind}`;
	const began = await firstValue<string>(
		db,
		sql`select payload->>'baseCommit' as value ${here} and type = 'worktree.created'
			order by seq limit 1`
	);
	if (began === null) return null;
	const updated = await firstValue<string>(
		db,
		sql`select payload->>'baseCommit' as value ${here} and type = 'git.ended' and ${until}
			and payload->>'baseCommit' is not null order by seq desc limit 1`
	);
	const collected = await firstValue<string>(
		db,
		sql`select payload->>'head' as value ${here} and type = 'commits.collected' and ${until}
			order by seq desc limit 1`
	);
	const checkpoint = await firstValue<string>(
		db,
		sql`select payload->>'commit' as value ${here} and type = 'runner.checkpointed'
			and seq > ${seq} and ${until} order by seq desc limit 1`
	);
	const messageIds = await readMessagesBefore(db, sessionId, seq, setAside, MESSAGES);
	const baseCommit = updated ?? began;
	return {
		seq,
		baseCommit,
		commit: collected ?? baseCommit,
		checkpoint,
		messageIds
	};
};
