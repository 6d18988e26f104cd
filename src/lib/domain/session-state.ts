/**
 * What a session is, folded from its events: the projection stored with the session's row and kept
 * by the browser alike. Plain JSON.
 */
import type { GitAction } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type {
	DriverKind,
	Effort,
	ExitCause,
	PendingRequest,
	PermissionMode,
	Session,
	SessionActivity,
	QueuedMessage,
	SessionStatus,
	SessionUsage,
	StartStep,
	StartStepName,
	WaitingFor
} from '@agent-manager/protocol/session.ts';
import type { Rewound, SetAside } from '@agent-manager/protocol/rewind.ts';
import type { RunnerEventPayload } from '@agent-manager/protocol/events.ts';
import { startStepNameSchema } from '@agent-manager/protocol/session.ts';

/** What a person wants of the session; the reconciler makes it so. */
export type Desired = 'live' | 'asleep' | 'stopped' | 'finished' | 'purged';

type RunnerEndReason = RunnerEventPayload<'runner.stopped'>['reason'];

/** The SDK's name for it; it goes on behind the newest of the messages that the one before had. */
interface Conversation {
	id: string;
	messageIds: string[];
}

/** A call of a tool. */
export interface OpenTool {
	id: string;
	name: string;
}

export type Pause = Extract<SessionActivity, { kind: 'retry' | 'compacting' }>;

export interface SessionState {
	status: SessionStatus;
	waitingFor: WaitingFor | null;
	desired: Desired;
	/** The incarnation that the newest start asked for. */
	epoch: number;
	/** When the newest start was asked for: who asked first is started first. */
	startAskedAt: string | null;
	/** True from the runner's first word of this epoch until its sandbox is gone. */
	runnerUp: boolean;
	/** The newest epoch whose sandbox is known to be gone; 0 while none is. */
	exitedEpoch: number;
	asleep: boolean;
	/** The turn that is open: its message, or null between turns. */
	openTurn: string | null;
	/** A turn has ended and its commits are not collected yet. */
	settling: boolean;
	/** Messages accepted and not yet begun, oldest first. */
	queued: QueuedMessage[];
	pending: PendingRequest[];
	/** What this session alone may do without asking, oldest first. */
	rules: string[];
	/** The sessions that an orchestrator waits for. */
	wait: Session['wait'];
	/** Calls of tools without a result yet, oldest first. */
	openTools: OpenTool[];
	/** Why the model does not answer just now, as the agent says; null from its next answer on. */
	pause: Pause | null;
	/** Set while the model refuses for a limit or a login that ran out. */
	limit: WireError | null;
	steps: StartStep[];
	error: WireError | null;
	/** Why the newest sandbox ended, if nobody had asked it to. */
	exitCause: ExitCause | null;
	/** What the runner of this epoch said of its agent's end, and then of its own. */
	runnerEnd: { agentError: string | null; reason: RunnerEndReason | null } | null;
	/** Set while the runner of a live session does not answer. */
	unresponsive: Session['unresponsive'];
	/** Since when the runner says that its agent does not answer. */
	agentSilentSince: string | null;
	/** As a person wants them; what the agent says of its mode counts for nothing here. */
	permissionMode: PermissionMode;
	/** What a plan that is approved goes on in. */
	modeBeforePlan: Exclude<PermissionMode, 'plan'>;
	model: string | null;
	effort: Effort | null;
	/** The newest change of them that the runner was told. */
	configuredBy: string | null;
	/** The protocol that the runner of this epoch speaks. */
	runnerVersion: number | null;
	offersSeq: number | null;
	driver: DriverKind | null;
	limited: boolean | null;
	baseCommit: string | null;
	headCommit: string | null;
	commitCount: number;
	/** Where the branch stood when the newest turn began. */
	turnCommit: string | null;
	pushedCommit: string | null;
	gitAction: GitAction | null;
	/** The conversation since the newest rewind, and behind which message it began; null before the first. */
	conversation: Conversation | null;
	/** What rewinds have set aside, oldest first. */
	setAside: SetAside[];
	/** The newest rewind, with what an undo needs. */
	rewound: (Rewound & { turns: number; conversationBefore: Conversation | null }) | null;
	turns: number;
	usage: SessionUsage;
	/** Cumulative cost as the agent last said it; it goes on over a resume of the conversation. */
	agentCostUsd: number;
	/** The newest answer came from the demo model, which costs nothing whatever the agent says. */
	demo: boolean;
	/** Which end of a session is asked for, while it is on its way. */
	ending: Session['ending'];
	/** As a person renamed it; null while it is what the first message says. */
	title: string | null;
	pinnedAt: string | null;
	archivedAt: string | null;
}

/** Who does not answer: the runner comes first, since it is the one that knows of the agent. */
export const silenceOf = ({
	unresponsive,
	agentSilentSince
}: SessionState): Session['unresponsive'] =>
	unresponsive ??
	(agentSilentSince === null ? null : { since: agentSilentSince, silence: 'agent' });

export const sessionActivity = ({
	status,
	settling,
	pause,
	openTools
}: SessionState): SessionActivity | null => {
	if (status !== 'running') return null;
	if (settling) return { kind: 'settling' };
	const tool = openTools.at(-1);
	return pause ?? (tool ? { kind: 'tool', name: tool.name } : { kind: 'model' });
};

/** Lines of a step's log that are kept in the state; the events have all. */
export const STEP_LOG_LINES = 50;

const freshStep = (name: StartStepName): StartStep => ({
	name,
	status: 'pending',
	startedAt: null,
	durationMs: null,
	log: []
});

export const freshSteps = (): StartStep[] => startStepNameSchema.options.map(freshStep);

export const initialSessionState = (): SessionState => ({
	status: 'starting',
	waitingFor: null,
	desired: 'live',
	epoch: 0,
	startAskedAt: null,
	runnerUp: false,
	exitedEpoch: 0,
	asleep: false,
	openTurn: null,
	settling: false,
	queued: [],
	pending: [],
	rules: [],
	wait: null,
	openTools: [],
	pause: null,
	limit: null,
	steps: freshSteps(),
	error: null,
	exitCause: null,
	runnerEnd: null,
	unresponsive: null,
	agentSilentSince: null,
	permissionMode: 'full',
	modeBeforePlan: 'ask',
	model: null,
	effort: null,
	configuredBy: null,
	runnerVersion: null,
	offersSeq: null,
	driver: null,
	limited: null,
	baseCommit: null,
	headCommit: null,
	commitCount: 0,
	turnCommit: null,
	pushedCommit: null,
	gitAction: null,
	conversation: null,
	setAside: [],
	rewound: null,
	turns: 0,
	usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 },
	agentCostUsd: 0,
	demo: false,
	ending: null,
	title: null,
	pinnedAt: null,
	archivedAt: null
});

/** As it was before the manager kept messages back: all of them were the runner's. */
type Stored = Partial<Omit<SessionState, 'queued' | 'openTools'>> & {
	queued?: (QueuedMessage | string)[];
	openTools?: (OpenTool | string)[];
};

/** A state as it was stored, also by an older version of the app that knew less. */
export const restoreState = (stored: Stored): SessionState => ({
	...initialSessionState(),
	...stored,
	queued: (stored.queued ?? []).map((message) =>
		typeof message === 'string'
			? { commandId: message, from: 'person', seq: 0, handedOver: true }
			: message
	),
	openTools: (stored.openTools ?? []).map((tool) =>
		typeof tool === 'string' ? { id: tool, name: 'a tool' } : tool
	)
});

/**
 * What a sandbox names is kept only up to here: the state goes with every write and into every list.
 * What is left out stays in the log.
 */
export const NAME_MAX_LENGTH = 1_000;

export const isShort = (name: string): boolean => name.length <= NAME_MAX_LENGTH;
