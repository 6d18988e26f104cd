/**
 * How commits come from a sandbox into the mirror: git inside the sandbox packs what the mirror
 * lacks, and the manager takes objects out of that stream. The host's git reads no git directory,
 * configuration or ref that a sandbox can write; what it reads is a pack, checked object by object
 * (`docs/adr/0005-commits-come-in-as-a-bundle.md`).
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { isBranchName } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { HEADER_MAX_BYTES, parseIncoming, type Incoming } from './bundle-header.ts';
import { diskError, orDiskFull } from './disk-error.ts';
import type { Git } from './exec.ts';
import { readableStderr } from './git-error.ts';
import { readRef } from './mirror.ts';
import { commitCount, isAncestor } from './refs.ts';

/** Unless the caller says otherwise, one session's new commits may pack to this many bytes. */
const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;
const PACKS_MAX = 50;

/**
 * Runs inside the sandbox. Constant: what differs comes as arguments. Prints a bundle of the one
 * branch without the commits that the mirror has, or a line that says why there is nothing to pack.
 */
const COLLECT_SCRIPT = `
cd -- "$1" || exit 3
ref="refs/heads/$2"
known="$3"
shift 3
tip=$(git rev-parse --verify --quiet "$ref^{commit}") || { echo missing; exit 0; }
if [ "$tip" = "$known" ]; then echo "unchanged $tip"; exit 0; fi
new=$(git rev-list --max-count=1 "$tip" --not "$@") || exit 4
if [ -z "$new" ]; then echo "known $tip"; exit 0; fi
exec git bundle create --quiet - "$ref" --not "$@"
`;

export interface CollectArguments {
	/** As seen in the sandbox. */
	worktreePath: string;
	branchName: string;
	baseCommit: string;
	/** Tip of the branch in the mirror, if it is there yet. */
	knownTip: string | null;
}

/** The program for `SandboxDriver.runOnce`. */
export const collectArgv = (args: CollectArguments): string[] => [
	'sh',
	'-c',
	COLLECT_SCRIPT,
	'collect',
	args.worktreePath,
	args.branchName,
	args.knownTip ?? args.baseCommit,
	args.baseCommit,
	...(args.knownTip === null ? [] : [args.knownTip])
];

export interface ImportOptions {
	mirrorPath: string;
	/** What the sandbox printed; a file that no sandbox can write. */
	bundlePath: string;
	branchName: string;
	baseCommit: string;
	maxBytes?: number;
	signal?: AbortSignal;
}

export interface Imported {
	/** Tip of the branch in the mirror now; null while it has none. */
	head: string | null;
	/** Commits that the base does not have. */
	commitCount: number;
	/** Did the branch move? */
	changed: boolean;
	/** False when commits that the mirror had are no longer on the branch. */
	fastForward: boolean;
}

const hostile = (reason: string): Result<never, WireError> =>
	fail(
		wireError('git_failed', `The session’s commits were refused: ${reason}.`, {
			hint: 'Look at the worktree’s git state in the session; its files are untouched.'
		})
	);

const readIncoming = async (options: ImportOptions): Promise<Result<Incoming, WireError>> => {
	const { size } = await stat(options.bundlePath);
	if (size > (options.maxBytes ?? DEFAULT_MAX_BYTES)) return hostile('they are too large');
	const file = await open(options.bundlePath, 'r');
	try {
		const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEADER_MAX_BYTES) });
		const head = buffer.subarray(0, bytesRead);
		const incoming = parseIncoming(head, size, `refs/heads/${options.branchName}`);
		return incoming ? ok(incoming) : hostile('they came in a form that was not asked for');
	} finally {
		await file.close();
	}
};

/**
 * Takes the pack's objects in. `--strict` checks each of them, and that nothing it names is missing;
 * the pack is installed only when all are sound. Deltas may build on what the mirror has.
 */
const indexPack = (git: Git, options: ImportOptions, packOffset: number) =>
	git.run({
		args: [
			'index-pack',
			'--stdin',
			'--fix-thin',
			'--strict',
			`--max-input-size=${options.maxBytes ?? DEFAULT_MAX_BYTES}`
		],
		gitDir: options.mirrorPath,
		stdin: createReadStream(options.bundlePath, { start: packOffset }),
		config: [['core.bigFileThreshold', '16m']],
		what: 'take in the session’s commits',
		timeoutMs: 10 * 60 * 1000,
		signal: options.signal
	});

/** Many small packs slow every later command down; equal ones are rolled into one now and then. */
const rollUpPacks = async (git: Git, mirrorPath: string): Promise<void> => {
	const names = await readdir(join(mirrorPath, 'objects', 'pack')).catch(() => []);
	if (names.filter((name) => name.endsWith('.pack')).length <= PACKS_MAX) return;
	await git.run({
		args: ['repack', '--geometric=2', '-d', '--quiet'],
		gitDir: mirrorPath,
		what: 'tidy the mirror',
		timeoutMs: 5 * 60 * 1000
	});
};

const moveBranch = async (
	git: Git,
	options: ImportOptions,
	tip: string,
	before: string | null
): Promise<Result<Imported, WireError>> => {
	const { mirrorPath, branchName, baseCommit } = options;
	const count = await commitCount(git, mirrorPath, baseCommit, tip);
	if (!count.ok) return count;
	const forward = before === null ? ok(true) : await isAncestor(git, mirrorPath, before, tip);
	if (!forward.ok) return forward;
	const ref = `refs/heads/${branchName}`;
	const expected = before ?? '0'.repeat(tip.length);
	const moved = await git.run({
		args: ['update-ref', '--no-deref', '--end-of-options', ref, tip, expected],
		gitDir: mirrorPath,
		what: 'move the session’s branch'
	});
	if (!moved.ok) return moved;
	return ok({ head: tip, commitCount: count.value, changed: true, fastForward: forward.value });
};

/**
 * Takes what `collectArgv` printed into the mirror, as `refs/heads/<branchName>` and nothing else.
 * Errors: `git_failed` (also for whatever a sandbox should not have sent), `disk_full`,
 * `git_timeout`.
 */
export const importBundle = (
	git: Git,
	options: ImportOptions
): Promise<Result<Imported, WireError>> =>
	git.locks.run(options.mirrorPath, async () => {
		const { mirrorPath, branchName, baseCommit } = options;
		if (!isBranchName(branchName)) return hostile('the branch name is not valid');
		const before = await readRef(git, mirrorPath, `refs/heads/${branchName}`);
		if (!before.ok) return before;
		const incoming = await readIncoming(options);
		if (!incoming.ok) return incoming;
		const { value } = incoming;
		if (value.kind === 'bundle') {
			const indexed = await indexPack(git, options, value.packOffset);
			if (!indexed.ok) return fail(await orDiskFull(indexed.error, mirrorPath));
			await rollUpPacks(git, mirrorPath);
		}
		const known = before.value ?? baseCommit;
		if (value.kind === 'unchanged' || value.kind === 'missing' || value.tip === known) {
			const head = before.value;
			if (head === null) return ok({ head, commitCount: 0, changed: false, fastForward: true });
			const count = await commitCount(git, mirrorPath, baseCommit, head);
			return count.ok
				? ok({ head, commitCount: count.value, changed: false, fastForward: true })
				: count;
		}
		return moveBranch(git, options, value.tip, before.value);
	});

/** Passes bytes on up to a limit, then fails; a sandbox must not fill the host's disk. */
const capped = (maxBytes: number): Transform => {
	let bytes = 0;
	return new Transform({
		transform(chunk: Buffer, _encoding, done) {
			bytes += chunk.length;
			if (bytes > maxBytes) done(new Error('too large'));
			else done(null, chunk);
		}
	});
};

/** `SandboxDriver.runOnce` for one session, with the spec filled in. */
export type RunInSandbox = (
	argv: readonly string[],
	stdout: Writable,
	signal: AbortSignal
) => Promise<Result<{ exitCode: number; stderr: string }, WireError>>;

export interface CollectOptions extends Omit<CollectArguments, 'knownTip'> {
	mirrorPath: string;
	runInSandbox: RunInSandbox;
	maxBytes?: number;
	signal: AbortSignal;
}

const receive = async (
	options: CollectOptions,
	argv: readonly string[],
	bundlePath: string
): Promise<Result<void, WireError>> => {
	const limit = capped(options.maxBytes ?? DEFAULT_MAX_BYTES);
	const file = createWriteStream(bundlePath, { flags: 'wx', mode: 0o600 });
	const stop = new AbortController();
	let failure: Error | null = null;
	const onError = (error: Error): void => {
		failure ??= error;
		stop.abort(error);
		file.destroy();
	};
	limit.on('error', onError);
	file.on('error', onError);
	limit.pipe(file);
	const signal = AbortSignal.any([options.signal, stop.signal]);
	const ran = await options.runInSandbox(argv, limit, signal);
	// Cut off in its middle: a stream that was destroyed ends nothing behind it.
	if (limit.destroyed && !limit.readableEnded) file.destroy();
	else limit.end();
	await finished(file).catch(() => undefined);
	const problem = failure as NodeJS.ErrnoException | null;
	if (problem?.code !== undefined) return fail(diskError(problem, 'receive the session’s commits'));
	if (problem) return hostile('they are too large');
	if (!ran.ok) return ran;
	if (ran.value.exitCode === 0) return ok();
	return hostile(readableStderr(ran.value.stderr) || `git there ended with ${ran.value.exitCode}`);
};

/**
 * Brings a session's commits into the mirror: runs the packing in the sandbox, imports what it
 * printed. One at a time per session. Errors: as `importBundle`, and those of `runInSandbox`.
 */
export const collectCommits = (
	git: Git,
	options: CollectOptions
): Promise<Result<Imported, WireError>> =>
	git.locks.run(`collect ${options.mirrorPath} ${options.branchName}`, async () => {
		const { mirrorPath, branchName, baseCommit, maxBytes, signal } = options;
		const known = await readRef(git, mirrorPath, `refs/heads/${branchName}`);
		if (!known.ok) return known;
		const folder = join(mirrorPath, 'incoming');
		const bundlePath = join(folder, `${randomUUID()}.bundle`);
		try {
			await mkdir(folder, { recursive: true, mode: 0o700 });
			const argv = collectArgv({ ...options, knownTip: known.value });
			const received = await receive(options, argv, bundlePath);
			if (!received.ok) return received;
			return await importBundle(git, {
				mirrorPath,
				bundlePath,
				branchName,
				baseCommit,
				maxBytes,
				signal
			});
		} catch (error) {
			return fail(diskError(error, 'receive the session’s commits'));
		} finally {
			await rm(bundlePath, { force: true });
		}
	});
