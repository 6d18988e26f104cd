/**
 * Looking for words in a session's log. The database leaves out what can't be a hit; what remains is
 * read as a transcript shows it, for the words may also be a key or a part of an id. Both costs are
 * bounded: a statement looks at a stretch of the log and returns a handful of candidates.
 */
import { sql, type SQL } from 'drizzle-orm';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Landmark } from '@agent-manager/protocol/transcript-places.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { READABLE_TYPES } from '#lib/domain/event-text.ts';
import type { Executor } from './client.ts';
import { isBoundary, isFailure } from './schema.ts';

/** As many events does one statement look at, and as many does it return. */
const STRETCH = 2_000;
const CANDIDATES = 100;

export interface Candidate {
	seq: number;
	ts: string;
	type: string;
	/** The part of it that is read. */
	payload: unknown;
	/** Of an event that the log holds shortened, the text of the whole. */
	body: string | null;
}

interface CandidateRow extends Record<string, unknown> {
	seq: string | number;
	ts: string | Date;
	type: string;
	payload: unknown;
	body: string | null;
}

/** As JSON text has it, with nothing in it that `like` reads as more than itself. */
const likePattern = (query: string): string => {
	const escaped = JSON.stringify(query).slice(1, -1);
	return `%${escaped.replace(/[\\%_]/g, '\\$&')}%`;
};

/**
 * In the collation C `ilike` folds ASCII only, and is many times quicker than by Unicode's tables; of
 * other letters the usual spellings are looked for.
 */
const matches = (text: SQL, query: string): SQL => {
	const spellings = new Set([query, query.toLowerCase(), query.toUpperCase()]);
	const patterns = /^[\x20-\x7e]*$/.test(query) ? [query] : [...spellings];
	return sql`(${text}) collate "C" ilike any(${sql.param(patterns.map(likePattern))}::text[])`;
};

const content = sql`payload #> '{message,content}'`;
const hasContent = sql`type in ('claude.assistant', 'claude.user')`;

/** Candidates before `before`, newest first, and the event down to which there are no others. */
export const readCandidates = async (
	db: Executor,
	sessionId: SessionId,
	query: string,
	before: number
): Promise<{ candidates: Candidate[]; searchedTo: number }> => {
	const from = Math.max(1, before - STRETCH);
	const types = sql`(type = any(${sql.param(READABLE_TYPES)}::text[]) or type like 'claude.result%')`;
	const words = sql`case when ${hasContent} then (${content})::text else payload::text end`;
	// Asked of the few that are kept aside only: a join would look each event up.
	const inBody = sql`exists (select from event_bodies b
		where b.session_id = e.session_id and b.seq = e.seq and ${matches(sql`b.body`, query)})`;
	const found = await db.execute<CandidateRow>(
		sql`select seq, ts, type,
				case when marks ? 'oversize' then (select body from event_bodies b
					where b.session_id = e.session_id and b.seq = e.seq) end as body,
				case when ${hasContent} then jsonb_build_object('message',
					jsonb_build_object('content', ${content})) else payload end as payload
			from events e
			where session_id = ${sessionId} and seq >= ${from} and seq < ${before} and ${types}
				and (${matches(words, query)} or case when marks is null then false else ${inBody} end)
			order by seq desc limit ${CANDIDATES}`
	);
	const candidates = found.rows.map(({ seq, ts, type, payload, body }) => ({
		seq: Number(seq),
		ts: new Date(ts).toISOString(),
		type,
		payload,
		body
	}));
	const isFull = candidates.length === CANDIDATES;
	return { candidates, searchedTo: isFull ? (candidates.at(-1)?.seq ?? from) : from };
};

/** Where the turns begin that messages were the prompts of, by the events that accepted the messages. */
export const readTurnStarts = async (
	db: Executor,
	sessionId: SessionId,
	accepted: readonly number[]
): Promise<Map<number, number>> => {
	if (accepted.length === 0) return new Map();
	const messages = await db.execute<{ seq: string | number; command: string }>(
		sql`select seq, payload->>'commandId' as command from events
			where session_id = ${sessionId} and seq = any(${sql.param([...accepted])}::bigint[])`
	);
	const commands = messages.rows.map(({ command }) => command);
	const started = await db.execute<{ seq: string | number; command: string }>(
		sql`select seq, payload->>'commandId' as command from events
			where session_id = ${sessionId} and ${isBoundary} and type = 'runner.turn_started'
				and payload->>'commandId' = any(${sql.param(commands)}::text[])`
	);
	const seqOf = new Map(started.rows.map(({ seq, command }) => [command, Number(seq)]));
	return new Map(
		messages.rows.flatMap(({ seq, command }) => {
			const at = seqOf.get(command);
			return at === undefined ? [] : [[Number(seq), at] as const];
		})
	);
};

/** Of each kind the newest so many. */
const LANDMARKS = 2_000;
const PROMPT_TEXT = 160;

interface BoundaryRow extends Record<string, unknown> {
	seq: string | number;
	type: string;
	command: string | null;
	text: string | null;
}

/** Each where its turn begins; one that waits, where it was accepted. */
const promptsOf = (boundaries: readonly BoundaryRow[]): Landmark[] => {
	const started = new Map(
		boundaries.flatMap(({ seq, type, command }) =>
			type === 'runner.turn_started' ? [[command, Number(seq)] as const] : []
		)
	);
	return boundaries.flatMap(({ seq, type, command, text }): Landmark[] =>
		type === 'message.accepted'
			? [
					{
						seq: started.get(command) ?? Number(seq),
						kind: 'prompt',
						text: cleanLine(text ?? '', PROMPT_TEXT)
					}
				]
			: []
	);
};

/** Prompts and errors of a session, in order, through the indexes of both. */
export const readLandmarks = async (db: Executor, sessionId: SessionId): Promise<Landmark[]> => {
	const [boundaries, failures] = await Promise.all([
		db.execute<BoundaryRow>(
			sql`select seq, type, payload->>'commandId' as command,
					case when type = 'message.accepted' then left(payload->>'text', 640) end as text
				from events where session_id = ${sessionId} and ${isBoundary}
					and type in ('message.accepted', 'runner.turn_started')
				order by seq desc limit ${2 * LANDMARKS}`
		),
		db.execute<{ seq: string | number }>(
			sql`select seq from events where session_id = ${sessionId} and ${isFailure}
				order by seq desc limit ${LANDMARKS}`
		)
	]);
	const errors = failures.rows.map(({ seq }): Landmark => ({
		seq: Number(seq),
		kind: 'error',
		text: ''
	}));
	return [...promptsOf(boundaries.rows), ...errors].sort((a, b) => a.seq - b.seq);
};
