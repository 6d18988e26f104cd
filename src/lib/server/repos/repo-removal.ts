/**
 * Takes a repo out of the app. Commits that are nowhere but in its mirror are never deleted
 * silently: the removal is refused, or they go to a bundle file that is named in the answer.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import { deleteRepo, type RepoRow } from '#lib/server/db/repos.ts';
import { countSessions } from '#lib/server/db/sessions.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { mirrorExists } from '#lib/server/git/mirror.ts';
import { saveBundle, unpushedBranches } from '#lib/server/git/refs.ts';

export interface RepoRemoved {
	removed: true;
	/** Branches whose commits no upstream branch has; kept in `savedTo`. */
	savedBranches: string[];
	savedTo: string | null;
}

export interface RepoRemovalOptions {
	db: Database;
	git: Git;
	workspaceRoot: string;
	now: () => Date;
	mirrorPathOf: (row: RepoRow) => string;
	/** Ends the clone or refresh that is at work. */
	cancelFetch: (id: RepoId) => Promise<void>;
	/**
	 * Purges every session of the repo: stopped, commits brought into the mirror, unpushed ones kept
	 * as `refs/saved/*`, worktree and session folder removed.
	 */
	purgeSessions: (id: RepoId) => Promise<Result<void, WireError>>;
}

/** Where mirrors go to be deleted: what is in it is deleted at the next start at the latest. */
export const removedMirrorsFolder = (workspaceRoot: string): string =>
	join(workspaceRoot, 'repos', '.removed');

const shortName = (ref: string): string => ref.replace(/^refs\/heads\//, '');

const checkIdle = async (db: Database, id: RepoId): Promise<Result<void, WireError>> => {
	const counts = (await countSessions(db)).get(id);
	const live = counts ? counts.starting + counts.running + counts.waiting : 0;
	if (live === 0) return ok();
	return fail(
		wireError('repo_in_use', `The repo has ${live} live ${live === 1 ? 'session' : 'sessions'}.`, {
			details: { live }
		})
	);
};

const listUnpushed = async (git: Git, mirrorPath: string): Promise<Result<string[], WireError>> => {
	if (!(await mirrorExists(mirrorPath))) return ok([]);
	const unpushed = await unpushedBranches(git, mirrorPath);
	return unpushed.ok ? ok(unpushed.value.map(({ ref }) => ref)) : unpushed;
};

const checkPushed = async (git: Git, mirrorPath: string): Promise<Result<void, WireError>> => {
	const refs = await listUnpushed(git, mirrorPath);
	if (!refs.ok) return refs;
	if (refs.value.length === 0) return ok();
	const branches = refs.value.map(shortName);
	return fail(
		wireError(
			'repo_unpushed_commits',
			`Commits of ${branches.length === 1 ? 'a branch' : `${branches.length} branches`} are on no remote.`,
			{ details: { branches } }
		)
	);
};

/** Branches that no upstream has, written to a bundle; an empty list and null when there are none. */
const saveUnpushed = async (
	{ git, workspaceRoot, now }: Pick<RepoRemovalOptions, 'git' | 'workspaceRoot' | 'now'>,
	repoName: string,
	mirrorPath: string
): Promise<Result<RepoRemoved, WireError>> => {
	const refs = await listUnpushed(git, mirrorPath);
	if (!refs.ok) return refs;
	if (refs.value.length === 0) return ok({ removed: true, savedBranches: [], savedTo: null });
	const time = now().toISOString().replace(/[:.]/g, '-');
	const name = repoName.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '');
	const savedTo = join(workspaceRoot, 'saved', `${name}-${time}.bundle`);
	const saved = await saveBundle(git, mirrorPath, refs.value, savedTo);
	if (!saved.ok) return saved;
	return ok({ removed: true, savedBranches: refs.value.map(shortName), savedTo });
};

/** Takes a mirror out of its place; true when there was one. */
const bury = async (workspaceRoot: string, mirrorPath: string, grave: string): Promise<boolean> => {
	await mkdir(removedMirrorsFolder(workspaceRoot), { recursive: true });
	await rm(grave, { recursive: true, force: true });
	return rename(mirrorPath, grave).then(
		() => true,
		(error: NodeJS.ErrnoException) => {
			if (error.code !== 'ENOENT') throw error;
			return false;
		}
	);
};

/** The mirror leaves its place first, so that what is registered next begins with nothing. */
const deleteMirror = async (options: RepoRemovalOptions, row: RepoRow): Promise<void> => {
	const { workspaceRoot } = options;
	const grave = join(removedMirrorsFolder(workspaceRoot), row.id);
	const moved = await bury(workspaceRoot, options.mirrorPathOf(row), grave);
	await deleteRepo(options.db, row.id as RepoId);
	if (moved) await rm(grave, { recursive: true, force: true });
};

/** A mirror that no repo has, `path` relative to the workspace. Errors: those of git. */
export const removeOrphanedMirror = (
	options: Pick<RepoRemovalOptions, 'git' | 'workspaceRoot' | 'now'> & { newId: () => string },
	path: string
): Promise<Result<void, WireError>> => {
	const { git, workspaceRoot, newId } = options;
	const mirrorPath = join(workspaceRoot, path);
	return git.locks.run(mirrorPath, async () => {
		const saved = await saveUnpushed(options, basename(path, '.git'), mirrorPath);
		if (!saved.ok) return saved;
		const grave = join(removedMirrorsFolder(workspaceRoot), newId());
		if (await bury(workspaceRoot, mirrorPath, grave)) {
			await rm(grave, { recursive: true, force: true });
		}
		return ok();
	});
};

/** Errors: `repo_in_use`, `repo_unpushed_commits`, and those of stopping sessions and of git. */
export const removeRepo = async (
	options: RepoRemovalOptions,
	row: RepoRow,
	force: boolean
): Promise<Result<RepoRemoved, WireError>> => {
	const id = row.id as RepoId;
	const mirrorPath = options.mirrorPathOf(row);
	if (!force) {
		const idle = await checkIdle(options.db, id);
		if (!idle.ok) return idle;
		const pushed = await checkPushed(options.git, mirrorPath);
		if (!pushed.ok) return pushed;
	}
	await options.cancelFetch(id);
	const purged = await options.purgeSessions(id);
	if (!purged.ok) return purged;
	return options.git.locks.run(mirrorPath, async () => {
		const saved = await saveUnpushed(options, row.name, mirrorPath);
		if (saved.ok) await deleteMirror(options, row);
		return saved;
	});
};
