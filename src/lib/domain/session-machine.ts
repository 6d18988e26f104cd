/**
 * The session machine: `evolve` folds one event into the state, and is total: an event it can't
 * read leaves the state as it was, because a log is never refused. What comes from a sandbox is
 * evidence, so each payload is parsed before it counts.
 */
import {
	managerEventSchemas,
	runnerEventSchemas,
	type ManagerEventPayload,
	type ManagerEventType,
	type RunnerEventPayload,
	type RunnerEventType,
	type SessionEvent
} from '@agent-manager/protocol/events.ts';
import type {
	QueuedMessage,
	SessionStatus,
	StartStep,
	StartStepName
} from '@agent-manager/protocol/session.ts';
import type { z } from 'zod';
import { foldClaude } from './session-agent-words.ts';
import { moveInQueue } from './message-order.ts';
import { withConfiguration } from './session-configuration.ts';
import { withoutRewind, withRewind } from './session-rewind.ts';
import { withRules } from './session-rules.ts';
import {
	freshSteps,
	isShort,
	NAME_MAX_LENGTH,
	STEP_LOG_LINES,
	type SessionState
} from './session-state.ts';

type Fold<P> = (state: SessionState, payload: P, event: SessionEvent) => SessionState;
type ManagerFolds = { [T in ManagerEventType]?: Fold<ManagerEventPayload<T>> };
type RunnerFolds = { [T in RunnerEventType]?: Fold<RunnerEventPayload<T>> };

/** Live: a sandbox exists or is on its way, or the session sleeps and a message wakes it. */
export const isLive = (status: SessionStatus): boolean =>
	status === 'starting' || status === 'running' || status === 'waiting';

const PENDING_MAX = 100;

const withStep = (
	state: SessionState,
	name: StartStepName,
	change: (step: StartStep) => StartStep
): SessionState => ({
	...state,
	steps: state.steps.map((step) => (step.name === name ? change(step) : step))
});

/** What the session waits for when no turn is open. */
const atRest = (state: SessionState): SessionState => ({
	...state,
	status: 'waiting',
	waitingFor: state.limit ? 'limit' : 'input'
});

/** Status while a turn is open: the oldest thing that a person must answer decides. */
const inTurn = (state: SessionState): SessionState => {
	const first = state.pending[0];
	if (!first) return { ...state, status: 'running', waitingFor: null };
	const waitingFor =
		first.kind === 'approval' ? 'approval' : first.kind === 'question' ? 'answer' : 'plan';
	return { ...state, status: 'waiting', waitingFor };
};

/** Between turns: nothing is open, nobody is asked. */
const withoutTurn = (state: SessionState): SessionState => ({
	...state,
	openTurn: null,
	settling: false,
	pending: [],
	openTools: [],
	pause: null,
	agentSilentSince: null
});

/**
 * Nothing of the agent runs any more. Messages that it has not begun stay queued for a resume. A purge
 * that was asked for meanwhile is still to be done.
 */
const atEnd = (state: SessionState, status: 'stopped' | 'finished' | 'error'): SessionState => ({
	...withoutTurn(state),
	status,
	waitingFor: null,
	asleep: false,
	runnerUp: false,
	unresponsive: null,
	...(state.ending === 'purge'
		? { desired: 'purged', ending: 'purge' }
		: { desired: status === 'finished' ? 'finished' : 'stopped', ending: null })
});

const withoutPending = (state: SessionState, requestId: string): SessionState => {
	const pending = state.pending.filter((request) => request.requestId !== requestId);
	if (pending.length === state.pending.length) return state;
	const next = { ...state, pending };
	return next.openTurn === null ? next : inTurn(next);
};

const withQueued = (
	state: SessionState,
	commandId: string,
	change: (message: QueuedMessage) => QueuedMessage
): SessionState => ({
	...state,
	queued: state.queued.map((message) =>
		message.commandId === commandId ? change(message) : message
	)
});

const withoutQueued = (state: SessionState, commandId: string): SessionState => ({
	...state,
	queued: state.queued.filter((message) => message.commandId !== commandId)
});

/** A message is gone without a turn: it may have been the only thing that there was to do. */
const restIfIdle = (state: SessionState): SessionState => {
	const nothingLeft = state.queued.length === 0 && state.openTurn === null && !state.settling;
	return nothingLeft && state.runnerUp && isLive(state.status) ? atRest(state) : state;
};

const managerFolds: ManagerFolds = {
	'session.created': (state, { permissionMode, model, effort = null }) => ({
		...state,
		...{ permissionMode, model, effort },
		modeBeforePlan: permissionMode === 'plan' ? state.modeBeforePlan : permissionMode
	}),
	'session.configured': (state, change) => withConfiguration(state, change),
	'session.start_requested': (state, { epoch }, event) => ({
		...withoutTurn(state),
		startAskedAt: event.ts,
		status: 'starting',
		waitingFor: null,
		desired: 'live',
		epoch,
		runnerUp: false,
		asleep: false,
		error: null,
		exitCause: null,
		runnerEnd: null,
		unresponsive: null,
		ending: null,
		steps: freshSteps()
	}),
	'step.started': (state, { step }, event) =>
		withStep(state, step, (s) => ({ ...s, status: 'running', startedAt: event.ts, log: [] })),
	'step.logged': (state, { step, lines }) =>
		withStep(state, step, (s) => ({ ...s, log: [...s.log, ...lines].slice(-STEP_LOG_LINES) })),
	'step.finished': (state, { step, durationMs, skipped }) =>
		withStep(state, step, (s) => ({ ...s, status: skipped ? 'skipped' : 'done', durationMs })),
	'step.failed': (state, { step, durationMs }) =>
		withStep(state, step, (s) => ({ ...s, status: 'failed', durationMs })),
	'worktree.created': (state, { baseCommit }) => ({ ...state, baseCommit }),
	'sandbox.started': (state, { driver, limited }) => ({ ...state, driver, limited }),
	'sandbox.exited': (state, { epoch, cause, expected }) => {
		if (epoch !== state.epoch) return state;
		const gone: SessionState = {
			...state,
			runnerUp: false,
			exitedEpoch: epoch,
			exitCause: expected ? null : cause,
			unresponsive: null,
			agentSilentSince: null
		};
		// Whatever the agent began while it was put to sleep ended with its sandbox.
		return state.asleep ? atRest(withoutTurn(gone)) : gone;
	},
	'message.accepted': (state, { commandId, from, fromSession, steer, attachments }, event) => {
		const more = {
			...(fromSession && { fromSession }),
			...(steer && { steer }),
			...(attachments && { attachments })
		};
		const message = { commandId, from, ...more, seq: event.seq, handedOver: false };
		return { ...state, queued: [...state.queued, message] };
	},
	'message.handed_over': (state, { commandId }) =>
		withQueued(state, commandId, (message) => ({ ...message, handedOver: true })),
	'message.edited': (state, { commandId }, event) =>
		withQueued(state, commandId, (message) => ({ ...message, seq: event.seq })),
	'message.removed': (state, { commandId }) => restIfIdle(withoutQueued(state, commandId)),
	'message.moved': (state, { commandId, before }) => ({
		...state,
		queued: moveInQueue(state.queued, commandId, before)
	}),
	'request.decided': (state, { requestId, remember }) =>
		withRules(
			withoutPending(state, requestId),
			remember?.scope === 'session' ? remember.rules : [],
			[]
		),
	'session.rules_changed': (state, { added, removed }) => withRules(state, added, removed),
	'wait.registered': (state, wait) => ({ ...state, wait }),
	'wait.ended': (state, { waitId }) =>
		state.wait?.waitId === waitId ? { ...state, wait: null } : state,
	'commits.collected': (state, { head, commitCount }) => ({
		...state,
		headCommit: head,
		commitCount
	}),
	'git.requested': (state, { commandId, request }) => ({
		...state,
		gitAction: { commandId, request, status: 'running', error: null }
	}),
	'git.ended': (state, { commandId, error, baseCommit, pushedCommit }) => {
		if (state.gitAction?.commandId !== commandId) return state;
		return {
			...state,
			baseCommit: baseCommit ?? state.baseCommit,
			pushedCommit: pushedCommit ?? state.pushedCommit,
			gitAction: { ...state.gitAction, status: error ? 'failed' : 'done', error }
		};
	},
	'session.rewound': (state, payload, event) => withRewind(state, payload, event.seq),
	'session.rewind_undone': (state, { rewind }) => withoutRewind(state, rewind),
	'session.settled': (state) => {
		const settled = { ...state, settling: false };
		const mayRest = settled.openTurn === null && settled.queued.length === 0 && settled.runnerUp;
		return mayRest && isLive(settled.status) ? atRest(settled) : settled;
	},
	'session.limit_reached': (state, { error }) => {
		const limited = { ...state, limit: error };
		return limited.status === 'waiting' && limited.openTurn === null ? atRest(limited) : limited;
	},
	'session.limit_lifted': (state) => {
		const lifted = { ...state, limit: null };
		return lifted.waitingFor === 'limit' ? atRest(lifted) : lifted;
	},
	'session.idled': (state) => atRest(withoutTurn(state)),
	'session.stopped_answering': (state, { silence }, event) =>
		isLive(state.status) && state.runnerUp && !state.asleep
			? { ...state, unresponsive: { since: event.ts, silence } }
			: state,
	'session.answered_again': (state) => ({ ...state, unresponsive: null }),
	'session.slept': (state) => ({ ...state, desired: 'asleep', asleep: true }),
	'session.stop_requested': (state) => ({ ...state, desired: 'stopped', ending: 'stop' }),
	'session.stopped': (state) => atEnd(state, 'stopped'),
	'session.finish_requested': (state) => ({ ...state, desired: 'finished', ending: 'finish' }),
	'session.finished': (state) => atEnd(state, 'finished'),
	'session.failed': (state, { error }) => ({
		...atEnd(state, 'error'),
		error
	}),
	'session.purge_requested': (state) => ({ ...state, desired: 'purged', ending: 'purge' }),
	'session.renamed': (state, { title }) => ({ ...state, title }),
	'session.pinned': (state, _payload, event) => ({ ...state, pinnedAt: event.ts }),
	'session.unpinned': (state) => ({ ...state, pinnedAt: null }),
	'session.archived': (state, _payload, event) => ({ ...state, archivedAt: event.ts }),
	'session.unarchived': (state) => ({ ...state, archivedAt: null })
};

const runnerFolds: RunnerFolds = {
	'runner.started': (state, { epoch, version }) => {
		if (epoch !== state.epoch) return state;
		const up = { ...state, runnerUp: true, runnerVersion: version };
		return up.queued.length === 0 && up.status === 'starting' ? atRest(up) : up;
	},
	'runner.turn_started': (state, { commandId }) => {
		if (!isShort(commandId)) return state;
		const begun = {
			...state,
			turns: state.turns + 1,
			turnCommit: state.headCommit ?? state.baseCommit,
			queued: withoutQueued(state, commandId).queued
		};
		// Said late, of a session that has ended: it is counted and does not come to life again.
		if (!isLive(state.status)) return begun;
		return inTurn({ ...begun, openTurn: commandId, settling: false, limit: null });
	},
	'runner.message_steered': (state, { commandId }) => restIfIdle(withoutQueued(state, commandId)),
	'runner.turn_ended': (state) => {
		const ended = { ...withoutTurn(state), settling: true };
		return isLive(state.status)
			? { ...ended, status: 'running', waitingFor: null }
			: { ...ended, settling: false };
	},
	'runner.approval_requested': (state, request, event) => {
		if (state.openTurn === null || !isLive(state.status)) return state;
		const { requestId, kind, toolName } = request;
		const title = isShort(request.title ?? '') ? request.title : null;
		const others = state.pending.filter((known) => known.requestId !== requestId);
		if (others.length >= PENDING_MAX || !isShort(requestId) || !isShort(toolName)) return state;
		const pending = [...others, { requestId, kind, toolName, title, seq: event.seq }];
		return inTurn({ ...state, pending });
	},
	'runner.configuration_refused': (state, { commandId, model, effort }) =>
		commandId === state.configuredBy && isShort(model ?? '') ? { ...state, model, effort } : state,
	'runner.offered': (state, _payload, event) => ({ ...state, offersSeq: event.seq }),
	'runner.agent_silent': (state, _payload, event) =>
		isLive(state.status) && state.runnerUp && state.openTurn !== null
			? { ...state, agentSilentSince: event.ts }
			: state,
	'runner.agent_heard': (state) => ({ ...state, agentSilentSince: null }),
	'runner.agent_exited': (state, { exitCode, error, stderr }) => {
		const words = error ?? stderr.at(-1) ?? (exitCode === null ? null : `exit code ${exitCode}`);
		return {
			...state,
			runnerEnd: { agentError: words?.slice(0, NAME_MAX_LENGTH) ?? null, reason: null }
		};
	},
	'runner.stopped': (state, { reason }) => ({
		...state,
		runnerEnd: { agentError: state.runnerEnd?.agentError ?? null, reason }
	}),
	'runner.approval_resolved': (state, { requestId }) => withoutPending(state, requestId),
	'runner.command_unknown_outcome': (state, { commandId }) =>
		restIfIdle(withoutQueued(state, commandId))
};

/** A payload that does not parse is no fact: the event stays in the log, the state as it is. */
const foldWith = (
	schema: z.ZodType | undefined,
	fold: Fold<never> | undefined,
	state: SessionState,
	event: SessionEvent
): SessionState => {
	if (!schema || !fold) return state;
	const parsed = schema.safeParse(event.payload);
	return parsed.success ? fold(state, parsed.data as never, event) : state;
};

const own = <T extends object>(table: T, key: string): T[keyof T] | undefined =>
	Object.hasOwn(table, key) ? table[key as keyof T] : undefined;

/** Folds one event. The manager's word comes from the manager only, whatever its type says. */
export const evolve = (state: SessionState, event: SessionEvent): SessionState => {
	switch (event.source) {
		case 'manager':
			return foldWith(
				own(managerEventSchemas, event.type),
				own(managerFolds, event.type) as Fold<never> | undefined,
				state,
				event
			);
		case 'runner':
			return foldWith(
				own(runnerEventSchemas, event.type),
				own(runnerFolds, event.type) as Fold<never> | undefined,
				state,
				event
			);
		case 'claude':
			return foldClaude(state, event);
	}
};
