/**
 * Pushes a session's branch from the mirror to its upstream: one commit, one branch, by a fast-forward, or
 * over exactly the commit that the person has seen there. Never the default branch.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { isBranchName } from '#lib/domain/branch-name.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git, GitOutcome } from './exec.ts';
import { classifyGitFailure, redactGit } from './git-error.ts';
import { askHeads, connect, explainRedirect, type Connection, type Remote } from './remote.ts';

const PUSH_MS = 30 * 60_000;

/** As for fetching: a local repo may belong to another user. A constant: it goes through a shell. */
const LOCAL_RECEIVE_PACK = `--receive-pack=git -c safe.directory='*' receive-pack`;

export interface PushOptions {
	mirrorPath: string;
	remote: Remote;
	branchName: string;
	/** A whole commit id of the mirror. */
	commit: string;
	/** The commit that may be overwritten; null: none. */
	overwrite: string | null;
	signal?: AbortSignal;
}

const rejected = (remoteCommit: string | null): WireError =>
	wireError('push_rejected', 'The branch on the server has commits that this one does not have.', {
		...(remoteCommit === null ? {} : { details: { remoteCommit } })
	});

const REASON = /^!\t[^\t]*\t(.*)$/m;

/** What git says of the one ref: `!`, and why. Without such a line the push broke off, and stderr tells why. */
const explain = (
	{ stdout, stderr }: Pick<GitOutcome, 'stdout' | 'stderr'>,
	remoteCommit: string | null
): WireError => {
	const reason = REASON.exec(stdout)?.[1];
	if (reason === undefined) return classifyGitFailure(stderr, 'push the branch', true);
	if (/\((fetch first|non-fast-forward|stale info|needs force)\)/.test(reason)) {
		return rejected(remoteCommit);
	}
	const words = cleanLine(redactGit(reason), 300);
	return wireError('push_refused', `The server refused the push: ${words || 'it gave no reason'}`, {
		hint: 'A rule of the server stands against it, such as a protected branch or a hook.'
	});
};

const runPush = (git: Git, connection: Connection, options: PushOptions) => {
	const { mirrorPath, branchName, commit, overwrite, remote } = options;
	const ref = `refs/heads/${branchName}`;
	return git.run({
		...connection.run,
		args: [
			...['push', '--porcelain', '--no-verify', '--no-follow-tags', '--no-signed'],
			'--recurse-submodules=no',
			...(remote.address.transport === 'file' ? [LOCAL_RECEIVE_PACK] : []),
			...(overwrite === null ? [] : [`--force-with-lease=${ref}:${overwrite}`]),
			...['--end-of-options', connection.url, `${commit}:${ref}`]
		],
		gitDir: mirrorPath,
		what: 'push the branch',
		timeoutMs: PUSH_MS,
		acceptExitCodes: [1],
		signal: options.signal
	});
};

/** What was pushed is known to be upstream from now on. */
const remember = (git: Git, { mirrorPath, branchName, commit }: PushOptions) =>
	git.locks.run(mirrorPath, () =>
		git.run({
			args: ['update-ref', '--no-deref', `refs/remotes/origin/${branchName}`, commit],
			gitDir: mirrorPath,
			what: 'note what was pushed'
		})
	);

/**
 * Errors: `push_refused` (also for the default branch), `push_rejected` with `details.remoteCommit`, those
 * of reaching the remote, and `git_failed`.
 */
export const pushBranch = async (
	git: Git,
	options: PushOptions
): Promise<Result<void, WireError>> => {
	const { branchName, commit, remote, signal } = options;
	if (!isBranchName(branchName)) return fail(wireError('branch_invalid', 'That is no branch.'));
	const connection = await connect(git, remote);
	if (!connection.ok) return connection;
	const patterns = ['HEAD', `refs/heads/${branchName}`];
	const heads = await askHeads(git, connection.value, { patterns, signal });
	if (!heads.ok) return explainRedirect(heads.error);
	if (heads.value.head === branchName) return fail(defaultBranchRefused(branchName));
	const there = heads.value.branches.get(branchName) ?? null;
	if (there !== commit) {
		const pushed = await runPush(git, connection.value, options);
		if (!pushed.ok) return explainRedirect(pushed.error);
		if (pushed.value.exitCode !== 0) return explainRedirect(explain(pushed.value, there));
	}
	await remember(git, options);
	return ok();
};

export const defaultBranchRefused = (branchName: string): WireError =>
	wireError(
		'push_refused',
		`“${branchName}” is the repo’s default branch, which is never pushed to.`
	);
