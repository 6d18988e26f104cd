/** What mends each finding. Every one may be cut off anywhere and be taken again. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding, RepairAction } from '@agent-manager/protocol/health.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import { deleteOrphanedEvents } from '#lib/server/db/health-queries.ts';
import { listRepos, type RepoRow } from '#lib/server/db/repos.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { saveRefs } from '#lib/server/git/refs.ts';
import { deleteSessionRef } from '#lib/server/git/session-refs.ts';
import { removeWorktree } from '#lib/server/git/worktree.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';

export type Repaired = Promise<Result<void, WireError>>;

/** What other parts know how to mend. */
export interface RepairParts {
	db: Database;
	git: Git;
	workspaceRoot: string;
	instance: string;
	newId: () => string;
	drivers: () => readonly SandboxDriver[];
	sessions: {
		restoreWorktree(sessionId: string): Repaired;
		restoreBranch(sessionId: string): Repaired;
		restoreBase(sessionId: string): Repaired;
		removeOrphanedWorktree(name: string): Repaired;
		removeOrphanedFolder(name: string): Repaired;
	};
	repos: {
		cloneAgain(repoId: string): Repaired;
		/** Commits that no remote has go to a bundle first. */
		removeOrphanedMirror(mirrorPath: string): Repaired;
	};
}

type Mend = (found: Finding) => Repaired;

/** Findings about refs are named `owner/name: refs/…`. */
const refOf = ({ name }: Finding): string => name.slice(name.indexOf(': ') + 2);

const missing = () => fail(wireError('not_found', 'It is gone by now.'));

export const createRepairs = (parts: RepairParts): Record<RepairAction, Mend> => {
	const { db, git, workspaceRoot, sessions, repos } = parts;

	const withMirror = async (
		{ repoId }: Finding,
		work: (mirrorPath: string, repo: RepoRow) => Promise<Result<unknown, WireError>>
	): Repaired => {
		const repo = (await listRepos(db)).find(({ id }) => id === repoId);
		if (!repo) return missing();
		const done = await work(join(workspaceRoot, repo.mirrorPath), repo);
		return done.ok ? ok() : done;
	};

	/** Named by an inventory of this workspace; a link is removed itself, never followed. */
	const removePath: Mend = async ({ name }) => {
		const path = join(workspaceRoot, name);
		if (!path.startsWith(join(workspaceRoot, '/'))) return missing();
		return removeWorktree(git, path);
	};

	const removeSandbox: Mend = async ({ name }) => {
		for (const driver of parts.drivers()) {
			const surveyed = await driver.survey(parts.instance);
			const sandbox = surveyed.ok ? surveyed.value.find((it) => it.name === name) : undefined;
			if (sandbox?.ref) return driver.remove(sandbox.ref);
		}
		return ok();
	};

	const dropRef: Mend = (found) =>
		withMirror(found, (mirrorPath) => deleteSessionRef(git, mirrorPath, refOf(found)));

	return {
		remove_sandbox: removeSandbox,
		remove_socket: async ({ name }) => {
			await rm(join(workspaceRoot, name), { force: true });
			return ok();
		},
		remove_leftover: removePath,
		remove_bundle: removePath,
		remove_base: dropRef,
		drop_saved: dropRef,
		keep_branch: (found) =>
			withMirror(found, (mirrorPath) =>
				saveRefs(git, {
					mirrorPath,
					sessionId: parts.newId(),
					branchName: refOf(found).replace('refs/heads/', '')
				})
			),
		restore_base: ({ sessionId }) => sessions.restoreBase(sessionId ?? ''),
		restore_branch: ({ sessionId }) => sessions.restoreBranch(sessionId ?? ''),
		restore_worktree: ({ sessionId }) => sessions.restoreWorktree(sessionId ?? ''),
		remove_worktree: ({ sessionId }) => sessions.removeOrphanedWorktree(sessionId ?? ''),
		remove_session_folder: ({ sessionId }) => sessions.removeOrphanedFolder(sessionId ?? ''),
		clone_again: ({ repoId }) => repos.cloneAgain(repoId ?? ''),
		remove_mirror: ({ name }) => repos.removeOrphanedMirror(name),
		remove_events: async ({ sessionId }) => {
			await deleteOrphanedEvents(db, sessionId ?? '');
			return ok();
		}
	};
};
