/** Session rows: made, listed, removed. Their events and state are written by `event-log.ts` alone. */
import { and, asc, desc, eq, inArray, isNotNull, isNull, lte, or, sql } from 'drizzle-orm';
import type { SessionCounts } from '@agent-manager/protocol/repo.ts';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { commands, eventBodies, events, runnerCommands, sessions } from './schema.ts';
import type { Database, Executor } from './client.ts';

export type SessionRow = typeof sessions.$inferSelect;
export type NewSessionRow = typeof sessions.$inferInsert;

export const insertSession = async (db: Executor, row: NewSessionRow): Promise<void> => {
	await db.insert(sessions).values(row);
};

export const findSession = async (db: Database, id: SessionId): Promise<SessionRow | null> => {
	const [row] = await db.select().from(sessions).where(eq(sessions.id, id));
	return row ?? null;
};

/** Live ones, and ones that an end, a purge or a git action is on its way for; newest first. */
export const listUnfinishedSessions = (db: Database): Promise<SessionRow[]> =>
	db
		.select()
		.from(sessions)
		.where(
			or(
				inArray(sessions.status, ['starting', 'running', 'waiting']),
				sql`${sessions.state}->>'ending' is not null`,
				sql`${sessions.state}->'gitAction'->>'status' = 'running'`
			)
		)
		.orderBy(desc(sessions.createdAt), asc(sessions.id));

export interface SessionFilter {
	repoId?: RepoId;
	/** The archived ones, or the others; left out: both. */
	archived?: boolean;
}

/** Pinned ones first, then the newest. */
export const listSessions = (
	db: Database,
	{ repoId, archived }: SessionFilter = {}
): Promise<SessionRow[]> =>
	db
		.select()
		.from(sessions)
		.where(
			and(
				repoId === undefined ? undefined : eq(sessions.repoId, repoId),
				archived === undefined
					? undefined
					: archived
						? isNotNull(sessions.archivedAt)
						: isNull(sessions.archivedAt)
			)
		)
		.orderBy(sql`${sessions.pinnedAt} is null`, desc(sessions.createdAt), asc(sessions.id));

export const deleteSession = async (db: Database, id: SessionId): Promise<void> => {
	await db.transaction(async (tx) => {
		await tx.delete(eventBodies).where(eq(eventBodies.sessionId, id));
		await tx.delete(events).where(eq(events.sessionId, id));
		await tx.delete(sessions).where(eq(sessions.id, id));
	});
};

export const findLiveOrchestrator = async (
	db: Database,
	repoId: RepoId
): Promise<SessionId | null> => {
	const result = await db.execute<{ id: string }>(
		sql`select id from sessions where repo_id = ${repoId} and role = 'orchestrator'
			and status in ('starting', 'running', 'waiting') limit 1`
	);
	return (result.rows[0]?.id as SessionId | undefined) ?? null;
};

interface CountRow extends Record<string, unknown> {
	repo_id: string;
	status: string;
	archived: boolean;
	count: number;
}

/** Of a repo without sessions. */
export const noCounts = (): SessionCounts => ({
	starting: 0,
	running: 0,
	waiting: 0,
	error: 0,
	total: 0,
	archived: 0
});

/** How many sessions each repo has in each status; a repo without sessions is not in the map. */
export const countSessions = async (db: Database): Promise<Map<string, SessionCounts>> => {
	const result = await db.execute<CountRow>(
		sql`select repo_id, status, archived_at is not null as archived, count(*)::int as count
			from sessions group by 1, 2, 3`
	);
	const counts = new Map<string, SessionCounts>();
	for (const { repo_id: repoId, status, archived, count } of result.rows) {
		const entry = counts.get(repoId) ?? noCounts();
		counts.set(repoId, entry);
		if (archived) {
			entry.archived += count;
			continue;
		}
		entry.total += count;
		if (
			status === 'starting' ||
			status === 'running' ||
			status === 'waiting' ||
			status === 'error'
		) {
			entry[status] = count;
		}
	}
	return counts;
};

export interface NumberedCommand {
	num: number;
	command: RunnerCommand;
}

/** Commands after `after` that the runner has not taken, in order. */
export const readRunnerCommands = async (
	db: Database,
	sessionId: SessionId,
	after: number
): Promise<NumberedCommand[]> => {
	const rows = await db
		.select({ num: runnerCommands.num, command: runnerCommands.command })
		.from(runnerCommands)
		.where(
			and(
				eq(runnerCommands.sessionId, sessionId),
				sql`${runnerCommands.num} > ${after}`,
				isNull(runnerCommands.takenAt)
			)
		)
		.orderBy(asc(runnerCommands.num));
	return rows;
};

export const markCommandsTaken = async (
	db: Database,
	sessionId: SessionId,
	num: number
): Promise<void> => {
	await db
		.update(runnerCommands)
		.set({ takenAt: sql`now()` })
		.where(
			and(
				eq(runnerCommands.sessionId, sessionId),
				lte(runnerCommands.num, num),
				isNull(runnerCommands.takenAt)
			)
		);
};

export type ReceiptRow = typeof commands.$inferSelect;

/** What a command with this idempotency key was answered, or null if it is new. */
export const findReceipt = async (db: Database, id: CommandId): Promise<ReceiptRow | null> => {
	const [row] = await db.select().from(commands).where(eq(commands.id, id));
	return row ?? null;
};
