/** The commit a session begins from: upstream's newest, or the last known when it can't be asked. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { isBranchName } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git } from './exec.ts';
import { fetchInto, readRef } from './mirror.ts';
import { askHeads, connect, type Remote } from './remote.ts';

export interface Base {
	/** Commit in `refs/remotes/origin/*`. */
	commit: string;
	/** False when upstream could not be asked in time: then it is the last known commit. */
	fresh: boolean;
	/** Why it is not fresh. */
	problem: WireError | null;
}

export interface ResolveBaseOptions {
	mirrorPath: string;
	remote: Remote;
	branch: string;
	/** How long upstream may take, waiting for other work on the mirror included. */
	timeoutMs?: number;
	/** Ends the wait; the fetch itself may be one that others wait for too. */
	signal?: AbortSignal;
}

const isGone = (error: WireError): boolean => /couldn't find remote ref/i.test(error.message);

const fetchBranch = async (
	git: Git,
	{ mirrorPath, remote, branch }: ResolveBaseOptions,
	signal: AbortSignal,
	timeoutMs: number
): Promise<Result<void, WireError>> => {
	const connection = await connect(git, remote);
	if (!connection.ok) return connection;
	const ref = `refs/heads/${branch}`;
	if (remote.address.transport === 'file') {
		// asking is cheap here, and mostly there is nothing new
		const heads = await askHeads(git, connection.value, { patterns: [ref], timeoutMs, signal });
		const known = await readRef(git, mirrorPath, `refs/remotes/origin/${branch}`);
		if (heads.ok && known.ok && known.value && heads.value.branches.get(branch) === known.value) {
			return ok();
		}
	}
	const fetched = await fetchInto(git, mirrorPath, connection.value, {
		refspec: `+${ref}:refs/remotes/origin/${branch}`,
		prune: false,
		timeoutMs,
		signal
	});
	return fetched.ok ? ok() : fetched;
};

interface Waiting {
	limitMs: number;
	fetched: Promise<Result<void, WireError>>;
}

/** Fetches that wait for their turn, by mirror and branch. */
const waiting = new WeakMap<Git, Map<string, Waiting>>();

/**
 * Many sessions may be started at once: those that wait for the mirror share one fetch. One that has
 * begun is not joined, since it may not see what upstream got meanwhile.
 */
const fetchShared = (
	git: Git,
	options: ResolveBaseOptions,
	limitMs: number
): Promise<Result<void, WireError>> => {
	const queue = waiting.get(git) ?? new Map<string, Waiting>();
	waiting.set(git, queue);
	const key = `${options.mirrorPath}\0${options.branch}`;
	const joined = queue.get(key);
	if (joined && joined.limitMs <= limitMs) return joined.fetched;
	const limit = AbortSignal.timeout(limitMs);
	const begin = (): Promise<Result<void, WireError>> => {
		queue.delete(key);
		return fetchBranch(git, options, limit, limitMs);
	};
	const fetched = git.locks.run(options.mirrorPath, begin, limit).catch(() => {
		queue.delete(key);
		return fail(wireError('git_timeout', 'The repo is being fetched just now.'));
	});
	queue.set(key, { limitMs, fetched });
	return fetched;
};

const unlessAborted = async (
	fetched: Promise<Result<void, WireError>>,
	signal: AbortSignal
): Promise<Result<void, WireError>> => {
	const cancelled = fail(
		wireError('git_failed', 'Could not fetch the repository: it was cancelled.')
	);
	if (signal.aborted) return cancelled;
	let onAbort = (): void => undefined;
	const aborted = new Promise<Result<void, WireError>>((resolve) => {
		onAbort = () => resolve(cancelled);
		signal.addEventListener('abort', onAbort, { once: true });
	});
	return Promise.race([fetched, aborted]).finally(() => {
		signal.removeEventListener('abort', onAbort);
	});
};

/**
 * The commit a session shall begin from: upstream's branch, fetched first within `timeoutMs` (5 s);
 * when that fails, the last known one, and why. Errors: `base_branch_not_found`, `git_failed`, and
 * why upstream could not be asked when the branch is not known from before.
 */
export const resolveBase = async (
	git: Git,
	options: ResolveBaseOptions
): Promise<Result<Base, WireError>> => {
	const { mirrorPath, branch, timeoutMs = 5_000, signal } = options;
	const notFound = fail(
		wireError('base_branch_not_found', `There is no branch “${branch}” on this repo.`)
	);
	if (!isBranchName(branch)) return notFound;
	const sharing = fetchShared(git, options, timeoutMs);
	const fetched = await (signal ? unlessAborted(sharing, signal) : sharing);
	if (!fetched.ok && isGone(fetched.error)) return notFound;
	const commit = await readRef(git, mirrorPath, `refs/remotes/origin/${branch}`);
	if (!commit.ok) return commit;
	if (commit.value === null) return fetched.ok ? notFound : fetched;
	return ok({
		commit: commit.value,
		fresh: fetched.ok,
		problem: fetched.ok ? null : fetched.error
	});
};
