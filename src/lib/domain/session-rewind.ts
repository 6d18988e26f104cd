/**
 * Going back to before a prompt: decided here, carried out by the manager's git actions. What came after is
 * set aside and not removed, so all of it can be undone until the next turn begins.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload } from '@agent-manager/protocol/events.ts';
import type { Rewound, SetAside } from '@agent-manager/protocol/rewind.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';
import type { Decision, ManagerEvent } from './session-decisions.ts';
import type { SessionState } from './session-state.ts';

export type RewindCommand =
	| {
			type: 'rewind';
			commandId: string;
			/** Where the prompt's turn began. */
			atSeq: number;
			/** What the files are put back to; null: they stay as they are. */
			checkpoint: string | null;
	  }
	| { type: 'undo_rewind'; commandId: string };

/** More would make each write of the session's state long. */
const REWINDS_MAX = 200;

const hasTurnedSince = ({ rewound, turns }: SessionState): boolean => rewound?.turns !== turns;

/** The newest rewind, as long as it can be undone. */
export const undoableRewind = (state: SessionState): Rewound | null => {
	const { rewound } = state;
	if (!rewound || hasTurnedSince(state)) return null;
	const { commandId, atSeq, filesChanged } = rewound;
	return { commandId, atSeq, filesChanged };
};

/** Files are put back, or conversations changed: nothing may start meanwhile. */
export const isRewinding = ({ gitAction }: SessionState): boolean =>
	gitAction?.status === 'running' &&
	(gitAction.request.kind === 'rewind' || gitAction.request.kind === 'undo_rewind');

export const rewinding = (): WireError =>
	wireError('session_busy', 'The session is being rewound.', {
		hint: 'Wait until that is done.'
	});

export const isSetAside = (ranges: readonly SetAside[], seq: number): boolean =>
	ranges.some(({ from, to }) => seq >= from && seq < to);

const objection = (state: SessionState): WireError | null => {
	if (state.ending === 'purge') return wireError('session_purged', 'The session is being purged.');
	if (state.gitAction?.status === 'running') {
		return wireError('session_busy', 'A commit, a push, an update or a rewind is under way.', {
			hint: 'Wait until it has ended.'
		});
	}
	const isAtWork = state.openTurn !== null || state.settling || state.status === 'starting';
	if (isAtWork || state.ending !== null) {
		return wireError('session_busy', 'The agent is at work.', {
			hint: 'Interrupt it first, or wait until the turn has ended.'
		});
	}
	return state.queued.length > 0
		? wireError('session_busy', 'Messages wait in the queue.', {
				hint: 'Remove them first, or let them be delivered.'
			})
		: null;
};

/** The agent has the conversation in its memory: it ends, and begins anew with the next message. */
const begin = (
	state: SessionState,
	commandId: string,
	request: ManagerEventPayload<'git.requested'>['request']
): Result<Decision, WireError> => {
	const asked: ManagerEvent = { type: 'git.requested', payload: { commandId, request } };
	const slept: ManagerEvent = { type: 'session.slept', payload: { afterSeconds: 0 } };
	const isAwake = state.status === 'waiting' && !state.asleep;
	return ok({ events: isAwake ? [asked, slept] : [asked], runnerCommands: [] });
};

export const decideRewind = (
	state: SessionState,
	command: RewindCommand
): Result<Decision, WireError> => {
	const refusal = objection(state);
	if (refusal) return fail(refusal);
	const { commandId } = command;
	if (command.type === 'undo_rewind') {
		const rewound = undoableRewind(state);
		return rewound
			? begin(state, commandId, { kind: 'undo_rewind', rewind: rewound.commandId })
			: fail(
					wireError('nothing_to_do', 'There is no rewind that can be undone.', {
						hint: 'A turn has begun since the last one. Fork from what was set aside instead.'
					})
				);
	}
	const { atSeq, checkpoint } = command;
	if (isSetAside(state.setAside, atSeq)) {
		return fail(
			wireError('nothing_to_do', 'That prompt is set aside already.', {
				hint: 'Undo the rewind, or fork from that turn.'
			})
		);
	}
	if (state.setAside.length >= REWINDS_MAX) {
		return fail(
			wireError('session_busy', `The session was rewound ${REWINDS_MAX} times.`, {
				hint: 'Fork it from that turn instead.'
			})
		);
	}
	return begin(state, commandId, { kind: 'rewind', atSeq, checkpoint });
};

export const withRewind = (
	state: SessionState,
	payload: ManagerEventPayload<'session.rewound'>,
	seq: number
): SessionState => {
	const { commandId, atSeq, conversationId, messageIds, filesChanged } = payload;
	return {
		...state,
		conversation: { id: conversationId, messageIds },
		setAside: [...state.setAside, { from: atSeq, to: seq }],
		rewound: {
			...{ commandId, atSeq, filesChanged },
			turns: state.turns,
			conversationBefore: state.conversation
		}
	};
};

export const withoutRewind = (state: SessionState, rewind: string): SessionState => {
	if (state.rewound?.commandId !== rewind) return state;
	return {
		...state,
		conversation: state.rewound.conversationBefore,
		setAside: state.setAside.slice(0, -1),
		rewound: null
	};
};
