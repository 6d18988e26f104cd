/**
 * The bare repository that the manager owns. Upstream is fetched into `refs/remotes/origin/*` only;
 * `refs/heads/agent/*` is for sessions, `refs/base/*` holds the commits they began from, and
 * `refs/saved/*` what purged sessions left. Nothing here ever prunes those three.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoProgress } from '@agent-manager/protocol/repo.ts';
import { isRefName } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git } from './exec.ts';
import { diskError } from './disk-error.ts';
import { progressReader } from './progress.ts';
import {
	askHeads,
	connect,
	explainRedirect,
	findMoved,
	type Connection,
	type Remote,
	type RemoteHeads
} from './remote.ts';
import type { RepoAddress } from './repo-address.ts';

const CLONE_TIMEOUT_MS = 2 * 60 * 60 * 1000;
const STALL_MS = 3 * 60 * 1000;
const BRANCHES_MAX = 500;

/** Defects that old, honest histories have; the dangerous ones stay errors. */
const TOLERATED_DEFECTS = [
	'badDate',
	'badDateOverflow',
	'badEmail',
	'badFilemode',
	'badName',
	'badTimezone',
	'duplicateEntries',
	'missingAuthor',
	'missingEmail',
	'missingNameBeforeEmail',
	'missingSpaceBeforeDate',
	'missingSpaceBeforeEmail',
	'multipleAuthors',
	'nullSha1',
	'treeNotSorted',
	'zeroPaddedDate',
	'zeroPaddedFilemode'
];

const UPSTREAM_CHECKS = [
	['fetch.fsckObjects', 'true'] as const,
	...TOLERATED_DEFECTS.map((id) => [`fetch.fsck.${id}`, 'ignore'] as const)
];

const isFolder = async (path: string): Promise<boolean> =>
	(await stat(path).catch(() => null))?.isDirectory() ?? false;

export const mirrorExists = (mirrorPath: string): Promise<boolean> =>
	isFolder(join(mirrorPath, 'objects'));

/** Makes the bare repository if it is not there. Errors: `disk_full`, `git_missing`, `git_failed`. */
export const initMirror = async (
	git: Git,
	mirrorPath: string,
	objectFormat: 'sha1' | 'sha256' = 'sha1'
): Promise<Result<void, WireError>> => {
	try {
		await mkdir(mirrorPath, { recursive: true, mode: 0o755 });
	} catch (error) {
		return fail(diskError(error, 'make the mirror'));
	}
	const made = await git.run({
		args: [
			'init',
			'--quiet',
			'--bare',
			'--template=',
			'--initial-branch=main',
			`--object-format=${objectFormat}`
		],
		gitDir: mirrorPath,
		what: 'make the mirror'
	});
	return made.ok ? ok() : made;
};

/**
 * Removes what a git that was killed left behind: lock files and half-written packs. Call it when
 * nothing works on the mirror, such as at boot.
 */
export const sweepMirror = async (mirrorPath: string): Promise<void> => {
	const stale: string[] = [];
	for (const name of await readdir(mirrorPath).catch(() => [])) {
		if (name.endsWith('.lock')) stale.push(join(mirrorPath, name));
	}
	const refs = join(mirrorPath, 'refs');
	for (const name of await readdir(refs, { recursive: true }).catch(() => [])) {
		if (name.endsWith('.lock')) stale.push(join(refs, name));
	}
	const packs = join(mirrorPath, 'objects', 'pack');
	for (const name of await readdir(packs).catch(() => [])) {
		if (name.startsWith('tmp_')) stale.push(join(packs, name));
	}
	await Promise.all(stale.map((path) => rm(path, { force: true })));
};

/** HEAD's branch; else the branch at HEAD's commit; else a usual name; else the first. */
const chooseDefault = ({ head, headCommit, branches }: RemoteHeads): string | null => {
	if (head !== null) return head;
	const usual = ['main', 'master', 'trunk', 'develop'];
	const atHead = [...branches].filter(([, commit]) => commit === headCommit).map(([name]) => name);
	const candidates = atHead.length > 0 ? atHead : [...branches.keys()];
	return usual.find((name) => candidates.includes(name)) ?? candidates[0] ?? null;
};

export interface FetchOptions {
	mirrorPath: string;
	remote: Remote;
	onProgress?: (progress: RepoProgress) => void;
	signal?: AbortSignal;
}

export interface Fetched {
	defaultBranch: string;
	/** Newest first, at most 500. */
	branches: string[];
	/** The repo's new address, when its server said that it has moved. */
	movedTo: RepoAddress | null;
}

interface Reached {
	connection: Connection;
	heads: RemoteHeads;
	movedTo: RepoAddress | null;
}

/** A server refuses a stale credential also for what is public, so it is asked once more without. */
const reach = async (git: Git, options: FetchOptions): Promise<Result<Reached, WireError>> => {
	const { address, auth } = options.remote;
	const reached = await reachWith(git, options);
	if (reached.ok || reached.error.code !== 'repo_auth_required') return reached;
	if (auth === null && address.kind === 'github') {
		// GitHub answers the same for what is not there, so as not to tell what is private
		return fail(
			wireError('repo_auth_required', 'GitHub has no public repository of this name.', {
				hint: 'Check the name; if it is private, run `gh auth login`, then refresh the repo.'
			})
		);
	}
	if (auth === null) return reached;
	const withoutAuth = await reachWith(git, {
		...options,
		remote: { ...options.remote, auth: null }
	});
	return withoutAuth.ok ? withoutAuth : reached;
};

const reachWith = async (git: Git, options: FetchOptions): Promise<Result<Reached, WireError>> => {
	const { remote, signal } = options;
	const connection = await connect(git, remote);
	if (!connection.ok) return connection;
	const heads = await askHeads(git, connection.value, { signal });
	if (heads.ok) return ok({ connection: connection.value, heads: heads.value, movedTo: null });
	const movedTo = await findMoved(git, connection.value, remote, heads.error, signal);
	if (!movedTo) return explainRedirect(heads.error);
	const again = await connect(git, { ...remote, address: movedTo });
	if (!again.ok) return again;
	const answer = await askHeads(git, again.value, { signal });
	if (!answer.ok) return explainRedirect(answer.error);
	return ok({ connection: again.value, heads: answer.value, movedTo });
};

/** One fetch of one refspec made by us, with every object checked. */
export const fetchInto = (
	git: Git,
	mirrorPath: string,
	connection: Connection,
	options: { refspec: string; prune: boolean; timeoutMs: number } & Pick<
		FetchOptions,
		'onProgress' | 'signal'
	>
) =>
	git.run({
		...connection.run,
		args: [
			'fetch',
			'--progress',
			'--no-tags',
			'--no-write-fetch-head',
			'--no-recurse-submodules',
			'--no-auto-maintenance',
			'--update-shallow',
			...(options.prune ? ['--prune'] : []),
			...connection.args,
			'--end-of-options',
			connection.url,
			options.refspec
		],
		gitDir: mirrorPath,
		config: [...UPSTREAM_CHECKS, ...(connection.run.config ?? [])],
		what: 'fetch the repository',
		timeoutMs: options.timeoutMs,
		stallMs: STALL_MS,
		signal: options.signal,
		onStderr: options.onProgress && progressReader(options.onProgress)
	});

/**
 * Clones or refreshes: asks the upstream what it has, makes the mirror if needed, fetches every
 * branch. What upstream removed is pruned from `refs/remotes/origin/*`.
 * Errors: `repo_host_not_allowed`, `repo_unreachable`, `repo_auth_required`, `repo_missing_remote`,
 * `repo_empty`, `disk_full`, `git_timeout`, `git_missing`, `git_failed`.
 */
export const fetchMirror = (git: Git, options: FetchOptions): Promise<Result<Fetched, WireError>> =>
	git.locks.run(options.mirrorPath, async () => {
		const reached = await reach(git, options);
		if (!reached.ok) return reached;
		const { connection, heads, movedTo } = reached.value;
		const defaultBranch = chooseDefault(heads);
		if (defaultBranch === null) {
			return fail(wireError('repo_empty', 'The repository has no commits yet.'));
		}
		const oneCommit = heads.branches.get(defaultBranch) ?? '';
		const made = await initMirror(
			git,
			options.mirrorPath,
			oneCommit.length === 64 ? 'sha256' : 'sha1'
		);
		if (!made.ok) return made;
		const fetched = await fetchInto(git, options.mirrorPath, connection, {
			refspec: '+refs/heads/*:refs/remotes/origin/*',
			prune: true,
			timeoutMs: CLONE_TIMEOUT_MS,
			onProgress: options.onProgress,
			signal: options.signal
		});
		if (!fetched.ok) {
			await sweepMirror(options.mirrorPath);
			return fetched;
		}
		const branches = await listBranches(git, options.mirrorPath);
		return branches.ok ? ok({ defaultBranch, branches: branches.value, movedTo }) : branches;
	});

/** Upstream's branches as of the last fetch, newest commit first, at most 500. */
export const listBranches = async (
	git: Git,
	mirrorPath: string
): Promise<Result<string[], WireError>> => {
	const listed = await git.run({
		args: [
			'for-each-ref',
			'--sort=-committerdate',
			`--count=${BRANCHES_MAX + 1}`,
			'--format=%(refname)',
			'refs/remotes/origin'
		],
		gitDir: mirrorPath,
		what: 'list the branches'
	});
	if (!listed.ok) return listed;
	const names = listed.value.stdout
		.split('\n')
		.map((ref) => ref.slice('refs/remotes/origin/'.length))
		.filter((name) => name !== '' && name !== 'HEAD');
	return ok(names.slice(0, BRANCHES_MAX));
};

/** The commit a ref is at, or null when there is no such ref. */
export const readRef = async (
	git: Git,
	mirrorPath: string,
	ref: string
): Promise<Result<string | null, WireError>> => {
	if (!isRefName(ref)) return ok(null);
	const read = await git.run({
		args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`],
		gitDir: mirrorPath,
		what: 'read a branch',
		acceptExitCodes: [1]
	});
	return read.ok ? ok(read.value.stdout.trim() || null) : read;
};
