/** Questions about the mirror's refs, and what keeps unpushed commits when a session goes. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { branchNamesClash } from '#lib/domain/branch-name.ts';
import { ok, fail, type Result } from '#lib/domain/result.ts';
import { diskError } from './disk-error.ts';
import type { Git } from './exec.ts';
import { readRef } from './mirror.ts';

/** Up to this size of the mirror, a saved bundle holds the whole history and needs no upstream. */
const WHOLE_HISTORY_MAX_KIB = 256 * 1024;

/** Commits reachable from `tip` and not from `base`. Both are whole object ids. */
export const commitCount = async (
	git: Git,
	mirrorPath: string,
	base: string,
	tip: string
): Promise<Result<number, WireError>> => {
	const counted = await git.run({
		args: ['rev-list', '--count', '--end-of-options', tip, `^${base}`],
		gitDir: mirrorPath,
		what: 'count the commits'
	});
	return counted.ok ? ok(Number(counted.value.stdout.trim())) : counted;
};

export const isAncestor = async (
	git: Git,
	mirrorPath: string,
	ancestor: string,
	descendant: string
): Promise<Result<boolean, WireError>> => {
	const asked = await git.run({
		args: ['merge-base', '--is-ancestor', '--end-of-options', ancestor, descendant],
		gitDir: mirrorPath,
		what: 'compare two commits',
		acceptExitCodes: [1]
	});
	return asked.ok ? ok(asked.value.exitCode === 0) : asked;
};

export const listRefs = async (
	git: Git,
	mirrorPath: string,
	...namespaces: string[]
): Promise<Result<{ ref: string; commit: string }[], WireError>> => {
	const listed = await git.run({
		args: ['for-each-ref', '--format=%(objectname) %(refname)', ...namespaces],
		gitDir: mirrorPath,
		what: 'list the branches'
	});
	if (!listed.ok) return listed;
	const lines = listed.value.stdout.split('\n').filter((line) => line !== '');
	return ok(
		lines.map((line) => {
			const space = line.indexOf(' ');
			return { commit: line.slice(0, space), ref: line.slice(space + 1) };
		})
	);
};

/** Is the name of a session's branch taken, or in the way of one that is? */
export const branchExists = async (
	git: Git,
	mirrorPath: string,
	branchName: string
): Promise<Result<boolean, WireError>> => {
	const refs = await listRefs(git, mirrorPath, 'refs/heads', 'refs/base');
	if (!refs.ok) return refs;
	const names = refs.value.map(({ ref }) => ref.replace(/^refs\/(heads|base)\//, ''));
	return ok(names.some((name) => branchNamesClash(name, branchName)));
};

/** Several changes of refs, all or none. */
const updateRefs = async (
	git: Git,
	mirrorPath: string,
	changes: readonly string[]
): Promise<Result<void, WireError>> => {
	const updated = await git.run({
		args: ['update-ref', '--stdin', '-z', '--no-deref'],
		gitDir: mirrorPath,
		stdin: changes.join(''),
		what: 'update the branches'
	});
	return updated.ok ? ok() : updated;
};

/**
 * Keeps a session's base commit in the mirror, whatever upstream does to its branch: the worktree
 * borrows its objects, and commits that come in build on it.
 */
export const pinBase = (
	git: Git,
	mirrorPath: string,
	branchName: string,
	baseCommit: string
): Promise<Result<void, WireError>> =>
	git.locks.run(mirrorPath, () =>
		updateRefs(git, mirrorPath, [`update refs/base/${branchName}\0${baseCommit}\0\0`])
	);

export interface UnpushedBranch {
	/** The full ref, below `refs/heads/agent/` or `refs/saved/`. */
	ref: string;
	commit: string;
}

/** Sessions' branches and saved ones whose tip no upstream branch has, as of the last fetch. */
export const unpushedBranches = async (
	git: Git,
	mirrorPath: string
): Promise<Result<UnpushedBranch[], WireError>> => {
	const refs = await listRefs(git, mirrorPath, 'refs/heads', 'refs/saved');
	if (!refs.ok || refs.value.length === 0) return refs;
	const walked = await git.run({
		args: ['rev-list', '--stdin', '--not', '--remotes=origin'],
		gitDir: mirrorPath,
		stdin: refs.value.map(({ commit }) => `${commit}\n`).join(''),
		what: 'look for unpushed commits',
		maxOutputBytes: 256 * 1024 * 1024,
		timeoutMs: 120_000
	});
	if (!walked.ok) return walked;
	const unpushed = new Set(walked.value.stdout.split('\n'));
	return ok(refs.value.filter(({ commit }) => unpushed.has(commit)));
};

export interface SaveRefsOptions {
	mirrorPath: string;
	sessionId: string;
	branchName: string;
}

/**
 * Takes a purged session's branch out of `refs/heads`. Commits that no upstream branch has are kept
 * as `refs/saved/<sessionId>/<branchName>`, whose name is returned; null when there are none.
 */
export const saveRefs = (
	git: Git,
	{ mirrorPath, sessionId, branchName }: SaveRefsOptions
): Promise<Result<string | null, WireError>> =>
	git.locks.run(mirrorPath, async () => {
		const head = `refs/heads/${branchName}`;
		const saved = `refs/saved/${sessionId}/${branchName}`;
		const tip = await readRef(git, mirrorPath, head);
		if (!tip.ok) return tip;
		const unpushed = await unpushedBranches(git, mirrorPath);
		if (!unpushed.ok) return unpushed;
		const keep = tip.value !== null && unpushed.value.some(({ ref }) => ref === head);
		const changes = [
			...(keep ? [`update ${saved}\0${tip.value}\0\0`] : []),
			...(tip.value === null ? [] : [`delete ${head}\0${tip.value}\0`]),
			`delete refs/base/${branchName}\0\0`
		];
		const updated = await updateRefs(git, mirrorPath, changes);
		return updated.ok ? ok(keep ? saved : null) : updated;
	});

/**
 * Writes refs with their commits into one bundle file, which `git fetch <file> '<ref>:<branch>'`
 * reads. It holds the whole history unless the mirror is large; then upstream's commits are left out.
 */
export const saveBundle = async (
	git: Git,
	mirrorPath: string,
	refs: readonly string[],
	filePath: string
): Promise<Result<void, WireError>> => {
	const sized = await git.run({
		args: ['count-objects', '-v'],
		gitDir: mirrorPath,
		what: 'measure the mirror'
	});
	if (!sized.ok) return sized;
	const sizeKib = Number(/^size-pack: (\d+)$/m.exec(sized.value.stdout)?.[1] ?? 0);
	const without = sizeKib > WHOLE_HISTORY_MAX_KIB ? ['--not', '--remotes=origin'] : [];
	const unfinished = `${filePath}.part`;
	try {
		await mkdir(dirname(filePath), { recursive: true });
		const written = await git.run({
			args: ['bundle', 'create', '--quiet', unfinished, ...refs, ...without],
			gitDir: mirrorPath,
			what: 'save the unpushed commits',
			timeoutMs: 30 * 60 * 1000
		});
		if (!written.ok) return written;
		const file = await open(unfinished, 'r+');
		await file.sync().finally(() => file.close());
		await rename(unfinished, filePath);
		return ok();
	} catch (error) {
		return fail(diskError(error, 'save the unpushed commits'));
	} finally {
		await rm(unfinished, { force: true });
	}
};
