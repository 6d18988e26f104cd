/** The refs that sessions have in a mirror, listed and mended for the inventory. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Listing, RefFact } from '#lib/domain/inventory-facts.ts';
import { isRefName } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git } from './exec.ts';
import { readRef } from './mirror.ts';
import { unpushedBranches } from './refs.ts';

const NAMESPACES = ['refs/heads/agent', 'refs/base/agent', 'refs/saved'];

/** Sessions' branches, where they began, and what purged ones left. */
export const listSessionRefs = async (
	git: Git,
	mirrorPath: string,
	mirrorName: string
): Promise<Listing<RefFact>> => {
	const failed = (error: WireError): Listing<RefFact> => ({
		ok: false,
		problem: `The refs of ${mirrorName} could not be listed: ${error.message}`
	});
	const listed = await git.run({
		args: [
			'for-each-ref',
			'--format=%(objectname) %(committerdate:unix) %(refname)',
			...NAMESPACES
		],
		gitDir: mirrorPath,
		what: 'list the sessions’ refs'
	});
	if (!listed.ok) return failed(listed.error);
	const lines = listed.value.stdout.split('\n').filter((line) => line !== '');
	const hasSaved = lines.some((line) => line.includes(' refs/saved/'));
	const unpushed = hasSaved ? await unpushedBranches(git, mirrorPath) : ok([]);
	if (!unpushed.ok) return failed(unpushed.error);
	const kept = new Set(unpushed.value.map(({ ref }) => ref));
	const items = lines.map((line): RefFact => {
		const [commit = '', seconds = '', ref = ''] = line.split(' ');
		return {
			mirrorPath: mirrorName,
			ref,
			commit,
			sinceMs: Number(seconds) * 1_000,
			unpushed: ref.startsWith('refs/saved/') ? kept.has(ref) : null
		};
	});
	return { ok: true, items };
};

/** Takes a ref away, if it is there. Below `refs/base/` and `refs/saved/` only. */
export const deleteSessionRef = (
	git: Git,
	mirrorPath: string,
	ref: string
): Promise<Result<void, WireError>> =>
	git.locks.run(mirrorPath, async () => {
		if (!isRefName(ref) || !/^refs\/(base|saved)\//.test(ref)) {
			return fail(wireError('git_failed', 'That is not the ref of a session.'));
		}
		const deleted = await git.run({
			args: ['update-ref', '--no-deref', '-d', '--end-of-options', ref],
			gitDir: mirrorPath,
			what: 'remove a ref'
		});
		return deleted.ok ? ok() : deleted;
	});

/** Writes a ref that is not there, if the mirror has the commit; false when it has not. */
export const restoreSessionRef = (
	git: Git,
	mirrorPath: string,
	ref: string,
	commit: string
): Promise<Result<boolean, WireError>> =>
	git.locks.run(mirrorPath, async () => {
		const there = await readRef(git, mirrorPath, ref);
		if (!there.ok) return there;
		if (there.value !== null) return ok(true);
		const found = await git.run({
			args: ['cat-file', '-e', '--end-of-options', `${commit}^{commit}`],
			gitDir: mirrorPath,
			what: 'look for a commit',
			acceptExitCodes: [1, 128]
		});
		if (!found.ok) return found;
		if (found.value.exitCode !== 0) return ok(false);
		const written = await git.run({
			args: [
				'update-ref',
				'--no-deref',
				'--end-of-options',
				ref,
				commit,
				'0'.repeat(commit.length)
			],
			gitDir: mirrorPath,
			what: 'write a ref'
		});
		return written.ok ? ok(true) : written;
	});
