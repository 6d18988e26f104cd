/** What the health page asks the database: short questions, none of which reads a log. */
import { sql } from 'drizzle-orm';
import type { SessionStatus } from '@agent-manager/protocol/session.ts';
import type { EventsFact } from '#lib/domain/inventory-facts.ts';
import type { Database } from './client.ts';

export const pingDatabase = async (db: Database): Promise<void> => {
	await db.execute(sql`select 1`);
};

/** How many sessions are in each status; one that nobody is in is left out. */
export const countByStatus = async (db: Database): Promise<Map<SessionStatus, number>> => {
	const { rows } = await db.execute<{ status: SessionStatus; count: number }>(
		sql`select status, count(*)::int as count from sessions group by status`
	);
	return new Map(rows.map(({ status, count }) => [status, count]));
};

/** Commands to live sessions that no runner has taken. */
export const countWaitingCommands = async (db: Database): Promise<number> => {
	const { rows } = await db.execute<{ count: number }>(
		sql`select count(*)::int as count from runner_commands c join sessions s on s.id = c.session_id
			where c.taken_at is null and s.status in ('starting', 'running', 'waiting')`
	);
	return rows[0]?.count ?? 0;
};

export interface SessionOverview extends Record<string, unknown> {
	id: string;
	repoId: string;
	title: string;
	branchName: string;
	status: SessionStatus;
	desired: string;
	ending: string | null;
	driver: string | null;
	baseCommit: string | null;
	headCommit: string | null;
	commitCount: number;
	pinned: boolean;
	archivedAtMs: number | null;
	lastSeq: number;
	updatedAtMs: number;
}

/** Every session, without the rest of its state. */
export const listSessionOverviews = async (db: Database): Promise<SessionOverview[]> => {
	const { rows } = await db.execute<SessionOverview>(
		sql`select id, repo_id as "repoId", title, branch_name as "branchName", status,
				state->>'desired' as desired, state->>'ending' as ending, state->>'driver' as driver,
				state->>'baseCommit' as "baseCommit", state->>'headCommit' as "headCommit",
				coalesce((state->>'commitCount')::int, 0) as "commitCount", pinned_at is not null as pinned,
				extract(epoch from archived_at)::float8 * 1000 as "archivedAtMs",
				last_seq::float8 as "lastSeq", extract(epoch from updated_at)::float8 * 1000 as "updatedAtMs"
			from sessions`
	);
	return rows;
};

export interface DatabaseSizes {
	bytes: number;
	/** Of the log and its bodies, with their indexes. */
	eventBytes: number;
}

export const measureDatabase = async (db: Database): Promise<DatabaseSizes> => {
	const { rows } = await db.execute<{ bytes: number; events: number }>(
		sql`select pg_database_size(current_database())::float8 as bytes,
			(pg_total_relation_size('events') + pg_total_relation_size('event_bodies'))::float8 as events`
	);
	return { bytes: rows[0]?.bytes ?? 0, eventBytes: rows[0]?.events ?? 0 };
};

/**
 * Sessions that have events and no row. It hops from one session's first event to the next one's by
 * the primary key, so it costs a look-up for each session, however long their logs are.
 */
export const listOrphanedEvents = async (db: Database): Promise<EventsFact[]> => {
	const { rows } = await db.execute<{ session: string; count: number }>(
		sql`with recursive hop(id) as (
				(select session_id from events order by session_id limit 1)
				union all
				select (select session_id from events where session_id > hop.id order by session_id limit 1)
				from hop where hop.id is not null
			)
			select hop.id as session,
				(select max(seq)::float8 from events where session_id = hop.id) as count
			from hop where hop.id is not null and not exists (select from sessions where id = hop.id)`
	);
	return rows;
};

/** Refuses a session that has a row. */
export const deleteOrphanedEvents = async (db: Database, sessionId: string): Promise<void> => {
	await db.transaction(async (tx) => {
		const isOrphaned = sql`not exists (select from sessions where id = ${sessionId}::uuid)`;
		await tx.execute(
			sql`delete from event_bodies where session_id = ${sessionId}::uuid and ${isOrphaned}`
		);
		await tx.execute(
			sql`delete from events where session_id = ${sessionId}::uuid and ${isOrphaned}`
		);
	});
};

/**
 * Forgets what commands were answered and which a runner has taken, when that is longer ago than
 * `days`. Until then a repeated key is answered as before. Returns how many rows went.
 */
export const deleteOldCommands = async (db: Database, days: number): Promise<number> => {
	const limit = sql`now() - make_interval(days => ${days})`;
	const receipts = await db.execute(sql`delete from commands where created_at < ${limit}`);
	const taken = await db.execute(sql`delete from runner_commands where taken_at < ${limit}`);
	return (receipts.rowCount ?? 0) + (taken.rowCount ?? 0);
};
