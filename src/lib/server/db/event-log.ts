/**
 * The only writer of events. One statement does it all: it moves the session's row from the position
 * that the caller folded from to the next one, inserts the events, and whatever has to be true with
 * them. If the row is not where the caller thinks it is, nothing happens and the caller reads again.
 * So no transaction stays open between round trips, and a stale manager or runner writes nothing.
 */
import { sql, type SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Pool } from 'pg';
import type { EventMark, EventSource, SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { Executor } from './client.ts';
import type { Storable } from './storable-json.ts';

/** Where a session's log and command stream stand. */
export interface LogPosition {
	lastSeq: number;
	lastN: number;
	lastCommand: number;
	epoch: number;
}

export interface NewEvent {
	seq: number;
	/** The runner's number; null for the manager's own events. */
	n: number | null;
	ts: string;
	source: EventSource;
	type: string;
	stored: Storable;
}

export interface CommandReceipt {
	id: string;
	requestHash: string;
	answer: JsonObject;
}

export interface Append {
	sessionId: SessionId;
	/** What the state was folded from; the write happens only if it still stands there. */
	from: LogPosition;
	to: LogPosition;
	state: SessionState;
	/** When the session last did something. */
	updatedAt: Date;
	events: readonly NewEvent[];
	runnerCommands: readonly RunnerCommand[];
	receipt: CommandReceipt | null;
	/** Rules that the session's repo gets with it; those that it has stay as they are. */
	repoRules?: readonly string[];
}

/**
 * The events as two texts: what goes with the payloads as one JSON array, and the payloads as lines, for
 * JSON as we write it has no line break. PostgreSQL takes a quarter less time for them than for one array
 * of it all, which it would read whole before it copied each payload out.
 */
const eventTexts = (events: readonly NewEvent[]): { heads: string; payloads: string } => {
	const heads = events.map(
		({ seq, n, ts, source, type, stored }) =>
			`{"seq":${seq},"n":${n},"ts":${JSON.stringify(ts)},"source":"${source}",` +
			`"type":${JSON.stringify(type)},"marks":${JSON.stringify(stored.marks)}}`
	);
	return {
		heads: `[${heads.join(',')}]`,
		payloads: events.map(({ stored }) => stored.json).join('\n')
	};
};

const bodiesClause = ({ events }: Append): SQL => {
	const bodies = events.flatMap(({ seq, stored }) =>
		stored.body === null ? [] : [{ seq, body: stored.body }]
	);
	if (bodies.length === 0) return sql``;
	const rows = sql.join(
		bodies.map(({ seq, body }) => sql`(${seq}::bigint, ${body}::text)`),
		sql`, `
	);
	return sql`, b as (
		insert into event_bodies (session_id, seq, body)
		select moved.id, v.seq, v.body from moved, (values ${rows}) as v(seq, body))`;
};

const commandsClause = ({ runnerCommands, from }: Append): SQL =>
	runnerCommands.length === 0
		? sql``
		: sql`, c as (
		insert into runner_commands (session_id, num, command)
		select moved.id, ${from.lastCommand}::int + x.position, x.command
		from moved, jsonb_array_elements(${JSON.stringify(runnerCommands)}::jsonb)
			with ordinality as x(command, position))`;

const receiptClause = ({ receipt }: Append): SQL =>
	receipt === null
		? sql``
		: sql`, r as (
		insert into commands (id, request_hash, session_id, answer)
		select ${receipt.id}::uuid, ${receipt.requestHash}, moved.id, ${JSON.stringify(receipt.answer)}::json
		from moved)`;

const rulesClause = ({ repoRules = [] }: Append): SQL =>
	repoRules.length === 0
		? sql``
		: sql`, p as (
		insert into permission_rules (repo_id, rule)
		select moved.repo_id, x.rule
		from moved, jsonb_array_elements_text(${JSON.stringify(repoRules)}::jsonb) as x(rule)
		on conflict do nothing)`;

const statement = (append: Append): SQL => {
	const { sessionId, from, to, state, updatedAt, events } = append;
	const { heads, payloads } = eventTexts(events);
	return sql`
		with moved as (
			update sessions set last_seq = ${to.lastSeq}, last_n = ${to.lastN},
				last_command = ${to.lastCommand}, epoch = ${to.epoch}, status = ${state.status},
				state = ${JSON.stringify(state)}::jsonb, title = coalesce(${state.title}, title),
				pinned_at = ${state.pinnedAt}, archived_at = ${state.archivedAt},
				updated_at = ${updatedAt.toISOString()}
			where id = ${sessionId} and last_seq = ${from.lastSeq} and last_n = ${from.lastN}
				and last_command = ${from.lastCommand} and epoch = ${from.epoch}
			returning id, repo_id
		), e as (
			insert into events (session_id, seq, n, ts, source, type, payload, marks)
			select moved.id, x.seq, x.n, x.ts, x.source, x.type, x.payload::jsonb, x.marks
			from moved, rows from (
				jsonb_to_recordset(${heads}::jsonb)
					as (seq bigint, n bigint, ts timestamptz, source text, type text, marks jsonb),
				string_to_table(${payloads}, E'\\n')
			) as x (seq, n, ts, source, type, marks, payload)
		)${bodiesClause(append)}${commandsClause(append)}${receiptClause(append)}${rulesClause(append)}
		select id from moved`;
};

/** Statements that differ in nothing but their values share a name; null when the text varies. */
const nameOf = ({ events, runnerCommands, receipt, repoRules = [] }: Append): string | null =>
	repoRules.length > 0 || events.some(({ stored }) => stored.body !== null)
		? null
		: `append${runnerCommands.length > 0 ? '-commands' : ''}${receipt ? '-receipt' : ''}`;

const dialect = new PgDialect();

/**
 * Appends, or returns false when the log has moved on. Throws what the database throws; a unique
 * violation on `commands_pkey` means that the receipt's command was taken before.
 *
 * Outside of a transaction the statement is a prepared one: to parse and plan it takes as long as to
 * run it, and it is on the way of every message.
 */
export const appendEvents = async (db: Executor, append: Append): Promise<boolean> => {
	const pool = (db as { $client?: Pool }).$client;
	const name = nameOf(append);
	if (!pool || name === null) return (await db.execute(statement(append))).rows.length === 1;
	const { sql: text, params } = dialect.sqlToQuery(statement(append));
	return (await pool.query({ name, text, values: params })).rows.length === 1;
};

interface EventRow extends Record<string, unknown> {
	seq: string | number;
	ts: string | Date;
	source: EventSource;
	type: string;
	payload: JsonObject;
	marks: EventMark[] | null;
}

const toEvent = (row: EventRow): SessionEvent => ({
	seq: Number(row.seq),
	ts: new Date(row.ts).toISOString(),
	source: row.source,
	type: row.type,
	payload: row.payload,
	...(row.marks ? { marks: row.marks } : {})
});

const columns = sql`seq, ts, source, type, payload, marks`;

/** The events that a condition names, in order. */
export const readEvents = async (db: Executor, condition: SQL): Promise<SessionEvent[]> => {
	const result = await db.execute<EventRow>(
		sql`select ${columns} from events where ${condition} order by seq`
	);
	return result.rows.map(toEvent);
};

/** Events after `after`, in order, at most `limit`. */
export const readForward = async (
	db: Executor,
	sessionId: SessionId,
	after: number,
	limit: number
): Promise<SessionEvent[]> => {
	const result = await db.execute<EventRow>(
		sql`select ${columns} from events where session_id = ${sessionId} and seq > ${after}
			order by seq limit ${limit}`
	);
	return result.rows.map(toEvent);
};

/** The `limit` events just before `before`, in order. */
export const readBackward = async (
	db: Executor,
	sessionId: SessionId,
	before: number,
	limit: number
): Promise<SessionEvent[]> => {
	const result = await db.execute<EventRow>(
		sql`select ${columns} from events where session_id = ${sessionId} and seq < ${before}
			order by seq desc limit ${limit}`
	);
	return result.rows.map(toEvent).reverse();
};

/** The body as it came of an event that is stored changed; null when there is none. */
export const readBody = async (
	db: Executor,
	sessionId: SessionId,
	seq: number
): Promise<string | null> => {
	const result = await db.execute<{ body: string }>(
		sql`select body from event_bodies where session_id = ${sessionId} and seq = ${seq}`
	);
	return result.rows[0]?.body ?? null;
};
