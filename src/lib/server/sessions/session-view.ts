/** The session as pages and the API show it. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { undoableRewind } from '#lib/domain/session-rewind.ts';
import {
	sessionActivity,
	restoreState,
	silenceOf,
	type SessionState
} from '#lib/domain/session-state.ts';
import type { LogPosition } from '#lib/server/db/event-log.ts';
import type { SessionRow } from '#lib/server/db/sessions.ts';

/** A session in memory: its fixed facts, and where its log stands. */
export interface SessionCell {
	readonly id: SessionId;
	readonly repoId: RepoId;
	readonly row: SessionRow;
	position: LogPosition;
	state: SessionState;
	updatedAt: Date;
	/** Its runner's outbox is full. Known as long as it is connected, and in no event: those can't be stored. */
	heldUp: boolean;
	/** Why the last try to make the end that is asked for has failed. */
	endingProblem: WireError | null;
}

export const toCell = (row: SessionRow): SessionCell => ({
	id: row.id as SessionId,
	repoId: row.repoId as RepoId,
	row,
	position: {
		lastSeq: row.lastSeq,
		lastN: row.lastN,
		lastCommand: row.lastCommand,
		epoch: row.epoch
	},
	// A row of before these could change has them in columns only.
	state: restoreState({
		...{ permissionMode: row.permissionMode, model: row.model },
		...row.state
	}),
	updatedAt: row.updatedAt,
	heldUp: false,
	endingProblem: null
});

export const toSession = (
	{ id, repoId, row, position, state, updatedAt, heldUp, endingProblem }: SessionCell,
	queuePosition: number | null
): Session => ({
	id,
	repoId,
	role: row.role,
	startedBy: row.startedBy as SessionId | null,
	title: state.title ?? row.title,
	pinnedAt: state.pinnedAt,
	archivedAt: state.archivedAt,
	goalPrompt: row.goalPrompt,
	additionalInstructions: row.additionalInstructions,
	status: state.status,
	queuePosition,
	waitingFor: state.waitingFor,
	activity: sessionActivity(state),
	asleep: state.asleep,
	ending: state.ending,
	endingProblem: state.ending === null ? null : endingProblem,
	branchName: row.branchName,
	baseBranch: row.baseBranch,
	baseCommit: state.baseCommit,
	headCommit: state.headCommit,
	commitCount: state.commitCount,
	pushedCommit: state.pushedCommit,
	gitAction: state.gitAction,
	setAside: state.setAside,
	rewound: undoableRewind(state),
	model: state.model,
	effort: state.effort,
	permissionMode: state.permissionMode,
	offersSeq: state.offersSeq,
	driver: state.driver,
	limited: state.limited,
	steps: state.steps,
	pending: state.pending,
	rules: state.rules,
	queued: state.queued,
	wait: state.wait,
	error: state.error ?? state.limit,
	exitCause: state.exitCause,
	unresponsive: silenceOf(state),
	heldUp,
	turns: state.turns,
	usage: state.usage,
	head: position.lastSeq,
	createdAt: row.createdAt.toISOString(),
	updatedAt: updatedAt.toISOString()
});
