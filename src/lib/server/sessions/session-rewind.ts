/**
 * Carries out a rewind, or takes one back: the files first, in a throw-away sandbox, then one write that says
 * from where the conversation goes on. Done twice is done once.
 */
import type { RewindPlan } from '@agent-manager/protocol/rewind.ts';
import type { GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import type { Database } from '#lib/server/db/client.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import {
	readMessagesBefore,
	readRewindPoint,
	type RewindPoint
} from '#lib/server/db/rewind-point.ts';
import { filesBefore, restoreCheckpoint } from '#lib/server/git/checkpoint-restore.ts';
import type { ActionTarget, WriteInSandbox } from '#lib/server/git/worktree-actions.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionCell } from './session-view.ts';

export type RewindRequest = Extract<GitActionRequest, { kind: 'rewind' | 'undo_rewind' }>;

export const isRewind = (request: GitActionRequest): request is RewindRequest =>
	request.kind === 'rewind' || request.kind === 'undo_rewind';

/** What the session was before the prompt whose turn began at `atSeq`. */
export const rewindPoint = async (
	db: Database,
	{ id, row, state }: SessionCell,
	atSeq: number
): Promise<Result<RewindPoint, WireError>> => {
	if (row.role === 'orchestrator') {
		return fail(wireError('bad_request', 'An orchestrator can’t be rewound.'));
	}
	const began = row.fork?.commit ?? state.baseCommit;
	const point = await readRewindPoint(db, id, atSeq, state.setAside, began);
	return point ? ok(point) : fail(wireError('not_found', 'No prompt’s turn began there.'));
};

export const rewindPlan = ({ turns, kept }: RewindPoint): RewindPlan => ({
	turns,
	keptAt: kept?.at.toISOString() ?? null
});

/** The commit to put the files back to; null when they shall stay as they are. */
export const checkpointFor = (
	{ kept }: RewindPoint,
	files: 'keep' | 'restore'
): Result<string | null, WireError> => {
	if (files === 'keep') return ok(null);
	return kept
		? ok(kept.commit)
		: fail(
				wireError('not_found', 'The files were not kept before that prompt.', {
					hint: 'Rewind the conversation alone, and keep the files as they are.'
				})
			);
};

export interface RewindTools {
	context: SessionContext;
	repo: RepoRow;
	write: WriteInSandbox;
	target: () => Result<ActionTarget, WireError>;
	/** Brings the branch into the mirror as it is now. */
	collect: (cell: SessionCell) => Promise<WireError | null>;
}

/** How many files have changed; null when they are left alone. */
const restoreFiles = async (
	{ context, repo, write, target, collect }: RewindTools,
	cell: SessionCell,
	commandId: string,
	checkpoint: string | null
): Promise<Result<number | null, WireError>> => {
	if (checkpoint === null) return ok(null);
	const there = target();
	if (!there.ok) return there;
	const restored = await restoreCheckpoint(write, { ...there.value, commandId }, checkpoint);
	if (!restored.ok) return restored;
	const { head, filesChanged } = restored.value;
	// The branch may go back. What it had in the mirror stays within reach there, too.
	if (head !== cell.state.headCommit) {
		const kept = await context.git.keepTip(repo, cell, commandId);
		if (!kept.ok) return kept;
	}
	// Why the branch did not come in is told by an event of its own; the files are back all the same.
	await collect(cell);
	return ok(filesChanged);
};

/** The event that makes it so. */
export const carryOutRewind = async (
	tools: RewindTools,
	cell: SessionCell,
	commandId: string,
	request: RewindRequest
): Promise<Result<ManagerEvent, WireError>> => {
	const { context } = tools;
	const { rewound, setAside } = cell.state;
	if (request.kind === 'undo_rewind') {
		const { rewind } = request;
		const checkpoint = rewound?.filesChanged === null ? null : filesBefore(rewind);
		const files = await restoreFiles(tools, cell, commandId, checkpoint);
		if (!files.ok) return files;
		const payload = { commandId, rewind, filesChanged: files.value };
		return ok({ type: 'session.rewind_undone', payload });
	}
	const { atSeq, checkpoint } = request;
	const files = await restoreFiles(tools, cell, commandId, checkpoint);
	if (!files.ok) return files;
	const messageIds = await readMessagesBefore(context.db, cell.id, atSeq, setAside);
	const conversationId = context.newId();
	return ok({
		type: 'session.rewound',
		payload: { commandId, atSeq, conversationId, messageIds, filesChanged: files.value }
	});
};
