/** What a write adds to a session, and everything that follows from it: rows, texts, state, position. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { evolve } from '#lib/domain/session-machine.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { LogPosition, NewEvent } from '#lib/server/db/event-log.ts';
import { toStorable, type Storable } from '#lib/server/db/storable-json.ts';
import type { TailEntry } from './event-tail.ts';
import type { SessionCell } from './session-view.ts';

export type DraftedEvent = Omit<SessionEvent, 'seq'> & {
	/** The payload as it will be stored, if that was worked out while another write was on its way. */
	stored?: Storable;
};

/** Drafted from the session as it stands: that may differ between tries. `ts` are in UTC. */
export interface EventDraft {
	events: readonly DraftedEvent[];
	/** The runner's numbers of the events, when they are the runner's. */
	numbers?: readonly number[];
	runnerCommands?: readonly RunnerCommand[];
	repoRules?: readonly string[];
}

export interface PreparedEvents {
	rows: NewEvent[];
	/** As every reader will see them. */
	stored: SessionEvent[];
	tail: TailEntry[];
	state: SessionState;
	position: LogPosition;
}

const asStored = (
	event: Omit<SessionEvent, 'seq'>,
	seq: number,
	{ json, marks }: Storable
): SessionEvent =>
	marks ? { seq, ...event, payload: JSON.parse(json) as JsonObject, marks } : { seq, ...event };

const asText = ({ seq, ts, source, type }: SessionEvent, { json, marks }: Storable): string => {
	const marked = marks ? `,"marks":${JSON.stringify(marks)}` : '';
	return (
		`{"seq":${seq},"ts":"${ts}","source":"${source}",` +
		`"type":${JSON.stringify(type)},"payload":${json}${marked}}`
	);
};

export const prepareEvents = (
	{ position, state: before }: SessionCell,
	{ events, numbers, runnerCommands }: EventDraft
): PreparedEvents => {
	const rows: NewEvent[] = [];
	const stored: SessionEvent[] = [];
	const tail: TailEntry[] = [];
	let state = before;
	let seq = position.lastSeq;
	events.forEach(({ stored: known, ...event }, index) => {
		seq += 1;
		const storable = known ?? toStorable(event.payload);
		const full = asStored(event, seq, storable);
		const { ts, source, type } = event;
		rows.push({ seq, n: numbers?.[index] ?? null, ts, source, type, stored: storable });
		stored.push(full);
		tail.push({ seq, json: asText(full, storable) });
		state = evolve(state, full);
	});
	const next = {
		lastSeq: seq,
		lastN: numbers?.at(-1) ?? position.lastN,
		lastCommand: position.lastCommand + (runnerCommands?.length ?? 0),
		epoch: state.epoch
	};
	return { rows, stored, tail, state, position: next };
};
