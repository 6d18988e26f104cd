/**
 * What a page of a transcript must know of the log before it, read through the index of boundaries:
 * where turns begin and end, what they cost, which messages wait. The fold makes of these few events
 * what it would have made of all.
 */
import { sql } from 'drizzle-orm';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Executor } from './client.ts';
import { readEvents } from './event-log.ts';
import { isBoundary } from './schema.ts';

/** Each ends the turn that is open. */
const ENDS: ReadonlySet<string> = new Set([
	'runner.turn_ended',
	'session.start_requested',
	'session.idled',
	'session.stopped',
	'session.finished',
	'session.failed'
]);
/** Each takes a message out of the queue. */
const LEAVES: ReadonlySet<string> = new Set([
	'runner.turn_started',
	'runner.message_steered',
	'runner.command_unknown_outcome',
	'message.removed'
]);

/** As many boundaries are looked at: those of dozens of turns. */
const LOOK_BACK = 200;

interface Boundary extends Record<string, unknown> {
	seq: string | number;
	type: string;
	command_id: string | null;
}

const isResult = ({ type }: Boundary): boolean => type.startsWith('claude.result');

/** Of the boundaries, oldest first, those that matter: from the last end of a turn on, and what was spent before. */
const chooseBoundaries = (boundaries: readonly Boundary[]): Boundary[] => {
	const lastEnd = boundaries.findLastIndex(({ type }) => ENDS.has(type));
	const lastResult = boundaries.slice(0, lastEnd + 1).findLastIndex(isResult);
	const gone = new Set(
		boundaries.filter(({ type }) => LEAVES.has(type)).map(({ command_id: id }) => id)
	);
	return boundaries.filter((boundary, index) => {
		if (boundary.type === 'message.accepted') return !gone.has(boundary.command_id);
		return index >= lastEnd || index === lastResult || boundary.type === 'session.created';
	});
};

/** What within an open turn counts: changed files, the list of things to do, a failure shown. */
const countsInTurn = sql`(
	(type = 'claude.user' and jsonb_typeof(payload->'tool_use_result') = 'object' and (
		payload->'tool_use_result' ?| array['structuredPatch', 'newTodos', 'task', 'taskId', 'new_source']))
	or (type = 'claude.assistant' and (payload ? 'error'
		or payload->'message'->'content'->0->>'name' in
			('Edit', 'Write', 'MultiEdit', 'NotebookEdit', 'TodoWrite', 'TaskCreate', 'TaskUpdate'))))`;

/** The events before `first` that decide how a page beginning there folds, in order. */
export const readBefore = async (
	db: Executor,
	sessionId: SessionId,
	first: number
): Promise<SessionEvent[]> => {
	const found = await db.execute<Boundary>(
		sql`select seq, type, payload->>'commandId' as command_id from events
			where session_id = ${sessionId} and seq < ${first} and ${isBoundary}
			order by seq desc limit ${LOOK_BACK}`
	);
	const chosen = chooseBoundaries(found.rows.reverse());
	const turnStart = chosen.find(({ type }) => type === 'runner.turn_started');
	const seqs = chosen.map(({ seq }) => Number(seq));
	return readEvents(
		db,
		sql`session_id = ${sessionId} and seq < ${first} and (
			seq in (
				select seq from events where session_id = ${sessionId} and seq < ${first}
					and type = 'claude.assistant' and payload->'message'->>'model' <> '<synthetic>'
					order by seq desc limit 1)
			or seq = any(${sql.param(seqs)}::bigint[])
			${turnStart ? sql`or (seq > ${turnStart.seq} and ${countsInTurn})` : sql``})`
	);
};
