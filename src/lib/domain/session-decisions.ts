/**
 * What a command means for a session as it is now: pure, so that it can be tested by tables. The
 * answer is the facts to append and what to tell the runner; the reconciler does the rest.
 */
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload, ManagerEventType } from '@agent-manager/protocol/events.ts';
import type { MessageFrom, PermissionMode, RuleScope } from '@agent-manager/protocol/session.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { QUEUE_MAX } from '@agent-manager/protocol/requests.ts';
import { wireError } from './errors.ts';
import { decideGit, type GitCommand } from './git-action.ts';
import { fail, ok, type Result } from './result.ts';
import { isLive } from './session-machine.ts';
import {
	canSteer,
	decideQueued,
	finishWaits,
	goesAtOnce,
	type QueueCommand
} from './message-queue.ts';
import {
	decideConfigure,
	isTooOld,
	modeAfterPlan,
	tooOld,
	type ConfigureCommand
} from './session-configuration.ts';
import { decideMark, type SessionMark } from './session-marks.ts';
import { decideRewind, isRewinding, rewinding, type RewindCommand } from './session-rewind.ts';
import { decideRules, rulesToKeep, type RulesCommand } from './session-rules.ts';
import { silenceOf, type SessionState } from './session-state.ts';

export type ManagerEvent = {
	[T in ManagerEventType]: { type: T; payload: ManagerEventPayload<T> };
}[ManagerEventType];

export type SessionCommand =
	| {
			type: 'message';
			commandId: string;
			text: string;
			from: MessageFrom;
			/** The orchestrator that sends it. */
			fromSession?: string;
			/** Into the turn that runs, if one does. */
			steer?: boolean;
			attachments?: Attachment[];
	  }
	| { type: 'interrupt'; commandId: string }
	| {
			type: 'decide';
			commandId: string;
			requestId: string;
			decision: 'allow' | 'deny';
			message: string | null;
			updatedInput: JsonObject | null;
			/** The mode to go on in, when a plan is approved. */
			permissionMode?: PermissionMode;
			/** The rules to make of it. */
			remember?: { scope: RuleScope; rules: string[] };
			/** The orchestrator that decides. */
			bySession?: string;
	  }
	| { type: 'stop' }
	| { type: 'resume' }
	| { type: 'retry' }
	| { type: 'finish'; commandId: string }
	| { type: 'sleep'; afterSeconds: number }
	| { type: 'purge' }
	| SessionMark
	| QueueCommand
	| ConfigureCommand
	| RulesCommand
	| GitCommand
	| RewindCommand;

export interface Decision {
	events: ManagerEvent[];
	/** For the runner, in order; delivered exactly once. */
	runnerCommands: RunnerCommand[];
	/** Rules that the repo gets, unless it has them. */
	repoRules?: string[];
}

type Decide<T extends SessionCommand['type']> = (
	state: SessionState,
	command: Extract<SessionCommand, { type: T }>
) => Result<Decision, WireError>;

const decided = (events: ManagerEvent[], runnerCommands: RunnerCommand[] = []) =>
	ok({ events, runnerCommands });

/** Asked for twice is asked for once. */
const nothingToDo = () => decided([]);

const notLive = (state: SessionState): WireError =>
	state.ending !== null
		? wireError('session_not_live', 'The session is ending.', {
				hint: 'Wait until it has ended, then resume it.'
			})
		: wireError(
				'session_not_live',
				`The session is ${state.status === 'error' ? 'in error' : state.status}.`
			);

type StartReason = ManagerEventPayload<'session.start_requested'>['reason'];

const startRequested = (state: SessionState, reason: StartReason): ManagerEvent => ({
	type: 'session.start_requested',
	payload: { reason, epoch: state.epoch + 1 }
});

/** What lives is in the lists. */
const backToLife = (state: SessionState, reason: StartReason): ManagerEvent[] => [
	...(state.archivedAt === null ? [] : [{ type: 'session.unarchived', payload: {} } as const]),
	startRequested(state, reason)
];

const message: Decide<'message'> = (state, command) => {
	const { commandId, text, from, fromSession } = command;
	if (isRewinding(state)) return fail(rewinding());
	if (!isLive(state.status) || state.ending !== null) return fail(notLive(state));
	if (state.queued.length >= QUEUE_MAX) {
		return fail(wireError('queue_full', `${QUEUE_MAX} messages wait already.`));
	}
	const along = command.attachments?.length ? { attachments: command.attachments } : {};
	if (command.attachments?.length && isTooOld(state)) return fail(tooOld());
	const sender = { ...(fromSession === undefined ? {} : { fromSession }), ...along };
	if (command.steer && canSteer(state)) {
		return decided(
			[
				{ type: 'message.accepted', payload: { commandId, text, from, ...sender, steer: true } },
				{ type: 'message.handed_over', payload: { commandId } }
			],
			[{ type: 'message', commandId, text, steer: true, ...along }]
		);
	}
	const accepted: ManagerEvent = {
		type: 'message.accepted',
		payload: { commandId, text, from, ...sender }
	};
	const wake = state.asleep ? [startRequested(state, 'wake')] : [];
	if (!goesAtOnce(state)) return decided([accepted, ...wake]);
	const handedOver: ManagerEvent = { type: 'message.handed_over', payload: { commandId } };
	return decided([accepted, handedOver], [{ type: 'message', commandId, text, ...along }]);
};

const interrupt: Decide<'interrupt'> = (state, { commandId }) => {
	if (!isLive(state.status)) return fail(notLive(state));
	if (state.openTurn === null) return nothingToDo();
	return decided(
		[{ type: 'interrupt.requested', payload: { commandId } }],
		[{ type: 'interrupt', commandId }]
	);
};

const decideRequest: Decide<'decide'> = (state, command) => {
	const { commandId, requestId, decision, updatedInput, bySession, message: said } = command;
	if (!isLive(state.status)) return fail(notLive(state));
	const request = state.pending.find((pending) => pending.requestId === requestId);
	if (!request) {
		return fail(wireError('decision_not_pending', 'Nothing waits for this answer any more.'));
	}
	const kept = rulesToKeep(state, request, command);
	if (!kept.ok) return kept;
	const answered: ManagerEvent = {
		type: 'request.decided',
		payload: {
			...{ requestId, commandId, decision, message: said },
			...(bySession === undefined ? {} : { bySession }),
			...(kept.value && { remember: kept.value }),
			...(updatedInput && decision === 'allow' ? { updatedInput } : {})
		}
	};
	const answer: RunnerCommand = {
		type: 'decide',
		...{ commandId, requestId, decision, message: said, updatedInput }
	};
	if (request.kind !== 'plan' || decision === 'deny') {
		const repoRules = kept.value?.scope === 'repo' ? { repoRules: kept.value.rules } : {};
		return ok({ events: [answered], runnerCommands: [answer], ...repoRules });
	}
	const permissionMode = modeAfterPlan(state, command.permissionMode);
	const configured: ManagerEvent[] =
		permissionMode === state.permissionMode
			? []
			: [{ type: 'session.configured', payload: { commandId, permissionMode } }];
	return decided([answered, ...configured], [{ ...answer, permissionMode }]);
};

const stop: Decide<'stop'> = (state) =>
	isLive(state.status) && state.ending !== 'stop' && state.ending !== 'purge'
		? decided([{ type: 'session.stop_requested', payload: {} }])
		: nothingToDo();

const resume: Decide<'resume'> = (state) => {
	if (isRewinding(state)) return fail(rewinding());
	if (state.ending !== null) return fail(notLive(state));
	// A sandbox whose runner or agent does not answer is given up for a fresh one.
	const isLost = state.asleep || silenceOf(state) !== null;
	if (isLive(state.status) && !isLost) {
		return fail(wireError('session_not_resumable', 'The session is live.'));
	}
	return decided(backToLife(state, state.asleep ? 'wake' : 'resume'));
};

const retry: Decide<'retry'> = (state) => {
	if (isRewinding(state)) return fail(rewinding());
	if (state.status !== 'error' || state.ending !== null) {
		return fail(
			wireError('session_not_resumable', 'Only a session in error can be retried.', {
				hint: isLive(state.status) ? 'It is live.' : 'Resume it instead.'
			})
		);
	}
	return decided(backToLife(state, 'retry'));
};

const finish: Decide<'finish'> = (state, { commandId }) => {
	if (!isLive(state.status)) return fail(notLive(state));
	if (state.ending !== null) return nothingToDo();
	// Without a runner there is nobody to tell: the session just ends.
	const tell: RunnerCommand[] =
		state.asleep || !state.runnerUp || finishWaits(state) ? [] : [{ type: 'finish', commandId }];
	return decided([{ type: 'session.finish_requested', payload: {} }], tell);
};

const sleep: Decide<'sleep'> = (state, { afterSeconds }) => {
	if (!isLive(state.status) || state.ending !== null) return fail(notLive(state));
	if (state.asleep) return nothingToDo();
	const idle = state.status === 'waiting' && state.openTurn === null && state.queued.length === 0;
	if (!idle) return fail(wireError('session_busy', 'The agent is at work.'));
	return decided([{ type: 'session.slept', payload: { afterSeconds } }]);
};

const purge: Decide<'purge'> = (state) =>
	state.ending === 'purge'
		? nothingToDo()
		: decided([{ type: 'session.purge_requested', payload: {} }]);

const mark = (state: SessionState, command: SessionMark): Result<Decision, WireError> => {
	const events = decideMark(state, command, isLive(state.status));
	return events.ok ? decided(events.value) : events;
};

const deciders: { [T in SessionCommand['type']]: Decide<T> } = {
	message,
	interrupt,
	decide: decideRequest,
	stop,
	resume,
	retry,
	finish,
	sleep,
	purge,
	rename: mark,
	pin: mark,
	unpin: mark,
	archive: mark,
	unarchive: mark,
	configure: decideConfigure,
	rules: decideRules,
	edit: decideQueued,
	remove: decideQueued,
	move: decideQueued,
	git: decideGit,
	rewind: decideRewind,
	undo_rewind: decideRewind
};

export const decide = (state: SessionState, command: SessionCommand): Result<Decision, WireError> =>
	(deciders[command.type] as Decide<typeof command.type>)(state, command as never);
