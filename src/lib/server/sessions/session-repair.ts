/** Mends what sessions have, for the inventory: each is safe to be cut off and taken again. */
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { listRepos } from '#lib/server/db/repos.ts';
import { listSessions } from '#lib/server/db/sessions.ts';
import { readOrphanedWorktree } from '#lib/server/git/orphaned-worktree.ts';
import { mirrorExists } from '#lib/server/git/mirror.ts';
import { prepareOwnership } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { COLLECT_MS, collectCommits } from './collect-commits.ts';
import { bringBranchBack } from './mirror-keeper.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

type Repaired = Promise<Result<void, WireError>>;

export interface SessionRepair {
	/** Makes a worktree that was removed from outside again, at the last commit that came in. */
	restoreWorktree(sessionId: SessionId): Repaired;
	/** Writes the branch that the mirror has lost: from its objects, else from the worktree. */
	restoreBranch(sessionId: SessionId): Repaired;
	/** Keeps where the session began in the mirror again. */
	restoreBase(sessionId: SessionId): Repaired;
	/** The commits of a worktree without a session go to `refs/saved`, then it is removed. */
	removeOrphanedWorktree(name: string): Repaired;
	removeOrphanedFolder(name: string): Repaired;
}

const gone = () => fail(wireError('session_not_found', 'The session is gone by now.'));
const busy = () => fail(wireError('session_busy', 'The session is at work: it mends that itself.'));

export const createSessionRepair = (
	context: SessionContext,
	isAtWork: (sessionId: SessionId) => boolean,
	runtimeOf: (sessionId: SessionId) => SessionRuntime
): SessionRepair => {
	const { git, workspaceRoot } = context;

	/** The session and its repo, while no step is on its way for it. */
	const atRest = async (sessionId: SessionId) => {
		const cell = await context.log.find(sessionId);
		const repo = cell ? await context.findRepo(cell.repoId) : null;
		if (!cell || !repo) return gone();
		return isAtWork(sessionId) ? busy() : ok({ cell, repo });
	};

	const restoreWorktree = async (sessionId: SessionId): Repaired => {
		const found = await atRest(sessionId);
		if (!found.ok) return found;
		const { worktree } = sessionPaths(workspaceRoot, sessionId);
		const signal = AbortSignal.timeout(COLLECT_MS);
		const made = await git.restoreWorktree(found.value.repo, worktree, found.value.cell, signal);
		if (!made.ok) return made;
		if (made.value) return prepareOwnership([worktree], signal);
		return fail(
			wireError('git_failed', 'The mirror has neither its commits nor the one it began from.')
		);
	};

	const restoreBranch = async (sessionId: SessionId): Repaired => {
		const found = await atRest(sessionId);
		if (!found.ok) return found;
		const { cell, repo } = found.value;
		const collect = (of: SessionCell): Promise<WireError | null> =>
			collectCommits(context, of, runtimeOf(sessionId), COLLECT_MS);
		const problem = await bringBranchBack(context, repo, cell, collect);
		return problem ? fail(problem) : ok();
	};

	const restoreBase = async (sessionId: SessionId): Repaired => {
		const found = await atRest(sessionId);
		if (!found.ok) return found;
		const kept = await git.restoreBase(found.value.repo, found.value.cell);
		if (!kept.ok || kept.value) return kept.ok ? ok() : kept;
		return fail(wireError('git_failed', 'The upstream does not have that commit any more.'));
	};

	/** Only what is certain to have no row is ever removed. */
	const orphaned = async (name: string): Repaired =>
		(await context.log.find(name as SessionId)) === null
			? ok()
			: fail(wireError('session_busy', 'A session has it by now.'));

	const removeOrphanedWorktree = async (name: string): Repaired => {
		const orphan = await orphaned(name);
		if (!orphan.ok) return orphan;
		const { worktree } = sessionPaths(workspaceRoot, name as SessionId);
		const repos = await listRepos(context.db);
		const mirrors: string[] = [];
		for (const repo of repos)
			if (await mirrorExists(git.mirror(repo))) mirrors.push(git.mirror(repo));
		const read = await readOrphanedWorktree(worktree, mirrors);
		const repo = repos.find((row) => join(workspaceRoot, row.mirrorPath) === read?.mirrorPath);
		if (!read || !repo) {
			return fail(
				wireError(
					'repo_not_found',
					'It is on no branch of ours, or its mirror is not registered.',
					{
						hint: 'Register its repo again, then try again; or move the folder away by hand.'
					}
				)
			);
		}
		// What it says of itself was written by a sandbox: it must not move a branch that somebody has.
		const owners = await listSessions(context.db, { repoId: repo.id as RepoId });
		if (owners.some(({ branchName }) => branchName === read.branchName)) {
			return fail(wireError('branch_exists', `A session has the branch ${read.branchName}.`));
		}
		const freed = await git.keepBranch(repo, context.newId(), read.branchName);
		if (!freed.ok) return freed;
		const saved = await git.saveOrphan(repo, name as SessionId, worktree, read.branchName);
		return saved.ok ? git.removeFolder(worktree) : saved;
	};

	return {
		restoreWorktree,
		restoreBranch,
		restoreBase,
		removeOrphanedWorktree,
		async removeOrphanedFolder(name) {
			const orphan = await orphaned(name);
			if (!orphan.ok) return orphan;
			return git.removeFolder(sessionPaths(workspaceRoot, name as SessionId).sessionFolder);
		}
	};
};
