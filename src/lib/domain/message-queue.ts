/**
 * Messages that were accepted and that the agent has not begun. The manager keeps them and hands one to
 * the runner when nothing stands in its way; from then on it is the agent's. So whether a message can
 * still be changed is decided where it is handed over: each has exactly one outcome.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { QueuedMessage } from '@agent-manager/protocol/session.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';
import type { Decision } from './session-decisions.ts';
import type { SessionState } from './session-state.ts';

export type QueueCommand =
	| { type: 'edit'; messageId: string; text: string }
	| { type: 'remove'; commandId: string; messageId: string }
	| { type: 'move'; messageId: string; before: string | null };

const isHeld = (message: QueuedMessage): boolean => !message.handedOver;

/** A runner is there, the agent is idle, and no earlier message is on its way to it. */
const takesMessages = (state: SessionState): boolean =>
	state.runnerUp &&
	state.openTurn === null &&
	(state.desired === 'live' || state.ending === 'finish') &&
	state.queued.every(isHeld);

/** Whether a message that comes now goes straight to the runner. */
export const goesAtOnce = (state: SessionState): boolean =>
	takesMessages(state) && state.queued.length === 0;

/** Whether a message can go into a turn: only what the runner is told while one is open. */
export const canSteer = (state: SessionState): boolean =>
	state.runnerUp && state.openTurn !== null && state.desired === 'live';

/** The message whose time has come. */
export const dueMessage = (state: SessionState): QueuedMessage | null =>
	takesMessages(state) ? (state.queued[0] ?? null) : null;

/** A finish comes after the messages that were there before it. */
export const finishWaits = (state: SessionState): boolean => state.queued.some(isHeld);

const finishIfLast = (
	state: SessionState,
	{ commandId }: Pick<QueuedMessage, 'commandId'>,
	finishId: string
): RunnerCommand[] => {
	const isLast = state.queued.filter(isHeld).every((held) => held.commandId === commandId);
	const isTold = state.ending === 'finish' && state.runnerUp && isLast;
	return isTold ? [{ type: 'finish', commandId: finishId }] : [];
};

/** Gives the message to the runner, unless it is no longer the one that is due, or reads otherwise by now. */
export const handOver = (
	state: SessionState,
	{ commandId, from, fromSession, seq, attachments }: QueuedMessage,
	text: string,
	finishId: string
): Decision => {
	const due = dueMessage(state);
	if (due?.commandId !== commandId || due.seq !== seq) return { events: [], runnerCommands: [] };
	const sender = fromSession === undefined ? {} : { fromSession };
	const along = attachments ? { attachments } : {};
	return {
		events: [
			{ type: 'message.handed_over', payload: { commandId, text, from, ...sender, ...along } }
		],
		runnerCommands: [
			{ type: 'message', commandId, text, ...along },
			...finishIfLast(state, due, finishId)
		]
	};
};

/** What was handed over stays first: it is on its way. */
const move = (
	state: SessionState,
	commandId: string,
	before: string | null
): Result<Decision, WireError> => {
	const target = state.queued.find((message) => message.commandId === before);
	if (before !== null && (!target || target.handedOver)) return fail(notQueued());
	return ok({
		events: [{ type: 'message.moved', payload: { commandId, before } }],
		runnerCommands: []
	});
};

const notQueued = (): WireError =>
	wireError('message_not_queued', 'The message is not in the queue any more.');

/** Changes a message that is still here. */
export const decideQueued = (
	state: SessionState,
	command: QueueCommand
): Result<Decision, WireError> => {
	const message = state.queued.find(({ commandId }) => commandId === command.messageId);
	if (!message || message.handedOver) {
		return fail(notQueued());
	}
	const { commandId } = message;
	if (command.type === 'move') return move(state, commandId, command.before);
	if (command.type === 'edit') {
		const { text } = command;
		return ok({
			events: [{ type: 'message.edited', payload: { commandId, text } }],
			runnerCommands: []
		});
	}
	return ok({
		events: [{ type: 'message.removed', payload: { commandId } }],
		runnerCommands: finishIfLast(state, message, command.commandId)
	});
};
