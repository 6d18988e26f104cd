/**
 * What a person or an orchestrator said. A message is accepted long before the agent begins with it
 * when a turn is open: until then it stands in the queue, and its place in the transcript is where
 * its turn begins.
 */
import { cleanText } from './clean-text.ts';
import { moveInQueue } from './message-order.ts';
import type { UserBlock } from './transcript-blocks.ts';
import { addBlock, messageKey, type TranscriptState } from './transcript-state.ts';
import type { SessionEvent, ManagerEventPayload } from '@agent-manager/protocol/events.ts';

export const queueMessage = (
	state: TranscriptState,
	event: SessionEvent,
	message: ManagerEventPayload<'message.accepted'>
): void => {
	const { commandId, text, from, fromSession, steer, attachments } = message;
	const key = messageKey(commandId);
	if (state.spots.has(key) || state.queued.some((queued) => queued.key === key)) return;
	state.queued = [
		...state.queued,
		{
			kind: 'user',
			key,
			seq: event.seq,
			ts: event.ts,
			commandId,
			text: cleanText(text),
			from,
			...(fromSession === undefined ? {} : { fromSession }),
			begunSeq: null,
			...(steer && { steer }),
			...(attachments && { attachments }),
			delivery: 'queued'
		}
	];
};

/** One that was accepted before the window begins has its text here. */
export const handedOver = (
	state: TranscriptState,
	event: SessionEvent,
	{ text, from, ...more }: ManagerEventPayload<'message.handed_over'>
): void => {
	if (text === undefined || !from) return;
	queueMessage(state, event, { ...more, text, from });
};

export const editMessage = (
	state: TranscriptState,
	{ commandId, text }: ManagerEventPayload<'message.edited'>
): void => {
	const key = messageKey(commandId);
	state.queued = state.queued.map((queued) =>
		queued.key === key ? { ...queued, text: cleanText(text) } : queued
	);
};

export const removeMessage = (state: TranscriptState, commandId: string): void => {
	const key = messageKey(commandId);
	state.queued = state.queued.filter((queued) => queued.key !== key);
};

export const moveMessage = (
	state: TranscriptState,
	{ commandId, before }: ManagerEventPayload<'message.moved'>
): void => {
	state.queued = moveInQueue(state.queued, commandId, before);
};

/** Takes a message out of the queue and puts it where the transcript now is. */
export const deliverMessage = (
	state: TranscriptState,
	commandId: string,
	delivery: UserBlock['delivery']
): void => {
	const key = messageKey(commandId);
	const message = state.queued.find((queued) => queued.key === key);
	if (!message) return;
	state.queued = state.queued.filter((queued) => queued !== message);
	addBlock(state, { ...message, begunSeq: state.head, delivery }, null);
};
