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

/**
 * The commit a session shall begin from: upstream's branch, fetched first within `timeoutMs` (5 s);
 * when that fails, the last known one, and why. Errors: `base_branch_not_found`, `git_failed`.
 */
export const resolveBase = async (
	git: Git,
	options: ResolveBaseOptions
): Promise<Result<Base, WireError>> => {
	const { mirrorPath, branch, timeoutMs = 5_000 } = options;
	const notFound = fail(
		wireError('base_branch_not_found', `There is no branch “${branch}” on this repo.`)
	);
	if (!isBranchName(branch)) return notFound;
	const limit = AbortSignal.timeout(timeoutMs);
	const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit;
	const fetched = await git.locks
		.run(mirrorPath, () => fetchBranch(git, options, signal, timeoutMs), signal)
		.catch((): Result<void, WireError> => {
			return fail(wireError('git_timeout', 'The repo is being fetched just now.'));
		});
	if (!fetched.ok && isGone(fetched.error)) return notFound;
	const commit = await readRef(git, mirrorPath, `refs/remotes/origin/${branch}`);
	if (!commit.ok) return commit;
	if (commit.value === null) return fetched.ok || limit.aborted ? notFound : fetched;
	return ok({
		commit: commit.value,
		fresh: fetched.ok,
		problem: fetched.ok ? null : fetched.error
	});
};
