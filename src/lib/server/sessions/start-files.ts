/**
 * The first two steps of a start, mirror and worktree, with the session's folder: made, made again after a
 * loss, or found. Each may be taken again after a crash in its middle.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import { completeOwnership, prepareOwnership } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { agentOptionsFor } from './agent-options.ts';
import { carryFiles } from './fork-files.ts';
import { replaceFile } from './replace-file.ts';
import type { SessionContext } from './session-context.ts';
import { copyConversation, isLost } from './session-fork.ts';
import type { SessionPaths } from './session-paths.ts';
import type { SessionCell } from './session-view.ts';
import type { StartSteps } from './start-steps.ts';

/** What is started, and where it is said how that goes. */
export interface FilesOfStart {
	context: SessionContext;
	cell: SessionCell;
	repo: RepoRow;
	paths: SessionPaths;
	steps: StartSteps;
	signal: AbortSignal;
}

const exists = (path: string): Promise<boolean> =>
	stat(path).then(
		() => true,
		() => false
	);

const fileProblem = (cause: unknown): WireError => {
	const { code, message } = cause as NodeJS.ErrnoException;
	return wireError(
		code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'sandbox_start_failed',
		`The session's folder could not be made: ${message}`
	);
};

const describeBase = (
	branch: string,
	{ commit, ageSeconds }: { commit: string; ageSeconds: number | null }
): string[] => [
	`${branch} is at ${commit.slice(0, 12)}`,
	...(ageSeconds === null
		? []
		: [
				`The remote could not be reached: this is as of ${Math.round(ageSeconds / 60)} minutes ago.`
			])
];

const sessionFolder = async ({
	context,
	cell,
	repo,
	paths,
	signal
}: FilesOfStart): Promise<Result<void, WireError>> => {
	try {
		await mkdir(paths.doorDirectory, { recursive: true, mode: 0o755 });
		const options = agentOptionsFor(context, cell, repo);
		await replaceFile(paths.agentOptions, JSON.stringify(options), 0o600);
	} catch (cause) {
		return fail(fileProblem(cause));
	}
	return prepareOwnership([paths.sessionFolder], signal);
};

const worktreeAndFolder = async (
	start: FilesOfStart,
	commits: { baseCommit: string; tipCommit?: string }
): Promise<Result<void, WireError>> => {
	const { context, cell, repo, signal } = start;
	const path = start.paths.worktree;
	const [worktree, folder] = await Promise.all([
		context.git.createWorktree(repo, path, cell, commits, signal),
		sessionFolder(start)
	]);
	if (!worktree.ok) return worktree;
	if (!folder.ok) return folder;
	return prepareOwnership([path], signal);
};

/** Somebody has taken the worktree away: what had come into the mirror is checked out again. */
const restoredFiles = async (
	start: FilesOfStart,
	baseCommit: string
): Promise<Result<void, WireError>> => {
	const { context, cell, repo, steps } = start;
	steps.skip('mirror');
	const tip = await context.git.branchTip(repo, cell);
	const commit = (tip.ok ? tip.value : null) ?? baseCommit;
	const made = await steps.run('worktree', async (say) => {
		if (!tip.ok) return tip;
		say(`The worktree is gone: a new one is made from ${commit.slice(0, 12)}.`);
		return worktreeAndFolder(start, { baseCommit, tipCommit: commit });
	});
	if (made.ok) steps.record({ type: 'worktree.restored', payload: { commit } });
	return made;
};

/** What the other session was at the end of the turn: its conversation, its commits, and its files. */
const forkedFiles = async (
	start: FilesOfStart,
	fork: ForkPoint
): Promise<Result<void, WireError>> => {
	const { context, cell, repo, steps, signal } = start;
	const { commit, baseCommit } = fork;
	steps.skip('mirror');
	const made = await steps.run('worktree', async (say) => {
		say(`The fork begins at ${commit.slice(0, 12)}.`);
		const begun = await context.git.beginBranchAt(repo, cell, commit);
		if (!begun.ok) return begun;
		if (!begun.value) {
			return fail(wireError('base_branch_not_found', 'The mirror has lost the turn’s commit.'));
		}
		const folder = await sessionFolder(start);
		if (!folder.ok) return folder;
		const copied = await copyConversation(context, repo, cell, fork, signal);
		if (!copied.ok && !isLost(copied.error)) return copied;
		if (!copied.ok) {
			const forkProblem = copied.error.message;
			steps.record({ type: 'conversation.lost', payload: { forkProblem } });
		}
		const files = await worktreeAndFolder(start, { baseCommit, tipCommit: commit });
		if (!files.ok) return files;
		return carryFiles(context, repo, cell, fork, signal);
	});
	if (!made.ok) return made;
	steps.record({
		type: 'worktree.created',
		payload: { baseCommit, baseAgeSeconds: null, carried: made.value }
	});
	return ok();
};

const firstFiles = async (start: FilesOfStart): Promise<Result<void, WireError>> => {
	const { context, cell, repo, steps, signal } = start;
	const base = await steps.run('mirror', async (say) => {
		const resolved = await context.git.resolveBase(repo, cell.row, signal);
		if (resolved.ok) say(...describeBase(cell.row.baseBranch, resolved.value));
		return resolved;
	});
	if (!base.ok) return base;
	const { commit: baseCommit, ageSeconds: baseAgeSeconds } = base.value;
	const made = await steps.run('worktree', () => worktreeAndFolder(start, { baseCommit }));
	if (made.ok) {
		steps.record({ type: 'worktree.created', payload: { baseCommit, baseAgeSeconds } });
	}
	return made;
};

/** Both steps are done already when a session comes back. */
export const makeStartFiles = async (start: FilesOfStart): Promise<Result<void, WireError>> => {
	const { cell, paths, steps, signal } = start;
	const { baseCommit, epoch, turns } = cell.state;
	const isBack = epoch > 1 && turns > 0;
	if (isBack && !(await exists(join(paths.sessionFolder, 'claude')))) {
		steps.record({ type: 'conversation.lost', payload: {} });
	}
	if (baseCommit !== null && !(await exists(paths.worktree))) {
		return restoredFiles(start, baseCommit);
	}
	const { fork } = cell.row;
	// Until it is said that its worktree is whole, what another session has may be missing in it.
	if (fork && baseCommit === null) return forkedFiles(start, fork);
	if (await exists(join(paths.worktree, '.git'))) {
		steps.skip('mirror');
		return steps.run('worktree', async () => {
			const owned = await completeOwnership(paths.worktree, signal);
			return owned.ok ? sessionFolder(start) : owned;
		});
	}
	return firstFiles(start);
};
