/**
 * The transcript, folded from a session's events: pure and the same in the browser and in tests.
 * A window may start anywhere: what points before it gets a place-holder until older events are
 * loaded and all is folded anew. No payload makes it throw: what can't be read is a small card.
 */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import { asObject, textAt } from './loose-json.ts';
import { foldAssistant } from './transcript-assistant.ts';
import { foldManager } from './transcript-manager.ts';
import { foldRunner } from './transcript-runner.ts';
import {
	addBlock,
	copyTranscript,
	emptyTranscript,
	type TranscriptState
} from './transcript-state.ts';
import { systemFold } from './transcript-system.ts';
import { foldUser } from './transcript-tool-results.ts';
import { addNotice, eventKey, foldResult } from './transcript-turns.ts';

const addUnknown = (state: TranscriptState, event: SessionEvent): void => {
	const { seq, ts, source, type, payload } = event;
	addBlock(state, { kind: 'unknown', key: eventKey(event), seq, ts, source, type, payload }, null);
};

const foldClaude = (state: TranscriptState, event: SessionEvent): boolean => {
	const payload = asObject(event.payload);
	if (!payload) return false;
	// The payload is the SDK's message; the event's type only repeats what it says.
	const type = textAt(payload, 'type') ?? event.type.replace(/^claude\./, '').split('.')[0] ?? '';
	if (type === 'assistant') foldAssistant(state, event, payload);
	else if (type === 'user') foldUser(state, event, payload);
	else if (type === 'result') foldResult(state, event, payload);
	else {
		const fold = systemFold(type, textAt(payload, 'subtype'));
		if (!fold) return false;
		fold(state, event, payload);
	}
	return true;
};

const foldOversize = (state: TranscriptState, event: SessionEvent): void =>
	addNotice(state, event, {
		tone: 'quiet',
		title: `An event too large to show here (${event.type})`,
		detail: 'The whole of it is kept with the session.'
	});

/** Folds one event into the state, in place. Events up to the state's head are skipped. */
export const foldInto = (state: TranscriptState, event: SessionEvent): void => {
	if (event.seq <= state.head) return;
	state.head = event.seq;
	const known =
		event.source === 'manager'
			? foldManager(state, event)
			: event.source === 'runner'
				? foldRunner(state, event)
				: foldClaude(state, event);
	if (known) return;
	if (event.marks?.includes('oversize')) foldOversize(state, event);
	else addUnknown(state, event);
};

/** The state after one more event; the given one stays as it was. */
export const foldTranscript = (state: TranscriptState, event: SessionEvent): TranscriptState => {
	const next = copyTranscript(state);
	foldInto(next, event);
	return next;
};

/** The state of a window of events, in order of `seq`. */
export const foldEvents = (
	events: Iterable<SessionEvent>,
	carry: TranscriptCarry | null = null
): TranscriptState => {
	const state = emptyTranscript(carry);
	for (const event of events) foldInto(state, event);
	return state;
};
