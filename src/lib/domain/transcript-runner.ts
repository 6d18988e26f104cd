/** What the runner states. It shares the sandbox with the agent, so each payload is parsed first. */
import {
	runnerEventSchemas,
	type RunnerEventPayload,
	type RunnerEventType,
	type SessionEvent
} from '@agent-manager/protocol/events.ts';
import { SILENCE_WORDS } from './exit-causes.ts';
import { foldCutOff } from './transcript-cut-off.ts';
import { deliverMessage } from './transcript-messages.ts';
import { openRequest, settleRequest } from './transcript-requests.ts';
import type { TranscriptState } from './transcript-state.ts';
import { addDivider, addNotice, closeTurn, newTurn } from './transcript-turns.ts';

type Fold<T extends RunnerEventType> = (
	state: TranscriptState,
	payload: RunnerEventPayload<T>,
	event: SessionEvent
) => void;

const foldAgentExit: Fold<'runner.agent_exited'> = (state, payload, event) => {
	const { exitCode, error, stderr } = payload;
	if (error === null && (exitCode === 0 || exitCode === null)) return;
	const code = exitCode === null ? '' : ` (exit code ${exitCode})`;
	addNotice(state, event, {
		tone: 'error',
		title: `The agent ended unexpectedly${code}`,
		detail: [...(error === null ? [] : [error]), ...stderr.slice(-20)].join('\n'),
		hint: 'Resume the session: conversation and files are kept.'
	});
};

const folds: { [T in RunnerEventType]: Fold<T> | null } = {
	'runner.started': (state, { contextLost }, event) => {
		if (!contextLost) return;
		addNotice(state, event, {
			tone: 'warning',
			title: 'Context was lost: the agent begins a new conversation',
			hint: 'What it had written down of the one before is gone. It has the files, but does not know what was said.'
		});
	},
	'runner.turn_started': (state, { commandId }, event) => {
		if (state.turn?.result) closeTurn(state, event, 'completed');
		deliverMessage(state, commandId, 'delivered');
		state.turn ??= newTurn(event.ts);
		state.lastAgentWordAt = event.ts;
	},
	'runner.checkpointed': null,
	'runner.message_steered': (state, { commandId }) => deliverMessage(state, commandId, 'steered'),
	'runner.turn_ended': (state, { outcome }, event) => {
		closeTurn(state, event, outcome);
	},
	'runner.approval_requested': (state, payload, event) => openRequest(state, event, payload),
	'runner.approval_resolved': (state, { requestId, outcome }) =>
		settleRequest(state, requestId, outcome, { message: null }),
	'runner.partial': (state, payload, event) => foldCutOff(state, event, payload),
	'runner.configuration_refused': (state, { message }, event) =>
		addNotice(state, event, {
			tone: 'warning',
			title: 'The change was refused: the agent goes on as before',
			detail: message
		}),
	'runner.offered': null,
	'runner.agent_silent': (state, _payload, event) =>
		addNotice(state, event, { tone: 'warning', ...SILENCE_WORDS.agent }),
	'runner.agent_heard': (state, _payload, event) =>
		addDivider(state, event, 'The agent answers again'),
	'runner.agent_exited': foldAgentExit,
	'runner.command_unknown_outcome': (state, { commandId, message }, event) => {
		deliverMessage(state, commandId, 'unknown');
		addNotice(state, event, {
			tone: 'warning',
			title: 'Nobody can tell whether the agent got the last message',
			detail: message,
			hint: 'Look at what the agent did, then send it again if it is missing.'
		});
	},
	'runner.stopped': null
};

/** False when the type is none of the runner's, or its payload can't be read. */
export const foldRunner = (state: TranscriptState, event: SessionEvent): boolean => {
	if (!Object.hasOwn(folds, event.type)) return false;
	const type = event.type as RunnerEventType;
	const parsed = runnerEventSchemas[type].safeParse(event.payload);
	if (!parsed.success) return false;
	const fold = folds[type] as Fold<never> | null;
	fold?.(state, parsed.data as never, event);
	return true;
};
