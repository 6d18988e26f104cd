/**
 * The one place that starts git. Always an argument vector, never a shell; no prompt can be shown;
 * every run has a time limit, an output limit and its own process group, which is ended as a whole.
 * Callers put `--end-of-options` before anything that came from outside.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { gitEnvironment, type GitConfig, type GitProtocol } from './git-environment.ts';
import { classifyGitFailure } from './git-error.ts';
import { createKeyedMutex, type KeyedMutex } from './keyed-mutex.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Of its beginning, and of its end: between them is progress, or the same over and over. */
const STDERR_KEPT_CHARS = 8 * 1024;
const KILL_GRACE_MS = 2_000;

export interface GitRun {
	/** After `git`. */
	args: readonly string[];
	/** In words, for the error: “fetch the repo”. */
	what: string;
	gitDir?: string;
	workTree?: string;
	/** Transports git may use; none unless given. */
	protocols?: readonly GitProtocol[];
	/** Lets the person's own git configuration take part; only for work with a remote. */
	userConfig?: boolean;
	config?: GitConfig;
	env?: Readonly<Record<string, string>>;
	stdin?: Readable | string;
	timeoutMs?: number;
	/** Ends it when it says nothing for this long. */
	stallMs?: number;
	signal?: AbortSignal;
	maxOutputBytes?: number;
	onStderr?: (chunk: string) => void;
	/** Exit codes other than 0 that are an answer and no failure. */
	acceptExitCodes?: readonly number[];
}

export interface GitOutcome {
	exitCode: number;
	stdout: string;
	/** Its beginning and end, at most 16 K characters, not redacted. */
	stderr: string;
}

export interface Git {
	/**
	 * Errors: `git_missing`, `git_timeout`, `git_failed` and what stderr tells: `disk_full`,
	 * `repo_auth_required`, `repo_missing_remote`, `repo_unreachable`.
	 */
	run(run: GitRun): Promise<Result<GitOutcome, WireError>>;
	/** What changes a mirror or makes a worktree goes through it, keyed by the path. */
	readonly locks: KeyedMutex;
	/** Is a proxy between us and remotes? Then names may be resolvable for the proxy alone. */
	readonly usesProxy: boolean;
	/** The address that ssh would connect to for a host name, by the person's own configuration. */
	sshHostName(host: string): Promise<string | null>;
	/** Kills whatever runs, at once. */
	endAll(): void;
}

export interface GitOptions {
	/** Default: `git` on PATH. */
	program?: string;
	env?: NodeJS.ProcessEnv;
}

interface Ended {
	exitCode: number | null;
	stdout: string;
	stderr: string;
	/** Why we ended it, if we did. */
	stopped: 'timeout' | 'stalled' | 'aborted' | 'output' | null;
	spawnError: NodeJS.ErrnoException | null;
}

/** The whole group: git's helpers, ssh and upload-pack included. */
const killGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, signal);
	} catch {
		child.kill(signal);
	}
};

/** Ends the group when a limit is hit; `reason` is the first one that was. */
const watchLimits = (child: ChildProcess, run: Omit<GitRun, 'args' | 'what'>) => {
	let reason: Ended['stopped'] = null;
	let killTimer: NodeJS.Timeout | undefined;
	const stop = (why: NonNullable<Ended['stopped']>): void => {
		if (reason !== null) return;
		reason = why;
		killGroup(child, 'SIGTERM');
		killTimer = setTimeout(() => killGroup(child, 'SIGKILL'), KILL_GRACE_MS);
	};
	const onAbort = (): void => stop('aborted');
	const timer = setTimeout(() => stop('timeout'), run.timeoutMs ?? DEFAULT_TIMEOUT_MS);
	const stallTimer = run.stallMs ? setTimeout(() => stop('stalled'), run.stallMs) : undefined;
	run.signal?.addEventListener('abort', onAbort, { once: true });
	if (run.signal?.aborted) onAbort();
	return {
		stop,
		alive: (): void => void stallTimer?.refresh(),
		reason: () => reason,
		clear: (): void => {
			clearTimeout(timer);
			clearTimeout(stallTimer);
			clearTimeout(killTimer);
			run.signal?.removeEventListener('abort', onAbort);
		}
	};
};

const feed = (child: ChildProcess, stdin: Readable | string | undefined): void => {
	if (!child.stdin) return;
	// git may end before it has read all: that is its answer, not an error of ours
	child.stdin.on('error', () => undefined);
	if (stdin instanceof Readable) {
		stdin.on('error', () => killGroup(child, 'SIGTERM'));
		stdin.pipe(child.stdin);
	} else {
		child.stdin.end(stdin ?? '');
	}
};

const runToEnd = (
	program: string,
	args: readonly string[],
	env: Record<string, string>,
	run: Omit<GitRun, 'args' | 'what'>,
	running: Set<ChildProcess>
): Promise<Ended> =>
	new Promise((resolve) => {
		const child = spawn(program, args, {
			env,
			cwd: '/',
			detached: true,
			stdio: [run.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
		});
		running.add(child);
		const limits = watchLimits(child, run);
		const maxBytes = run.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
		const chunks: Buffer[] = [];
		let bytes = 0;
		let head = '';
		let tail = '';
		let spawnError: NodeJS.ErrnoException | null = null;
		child.stdout?.on('data', (chunk: Buffer) => {
			limits.alive();
			bytes += chunk.length;
			if (bytes <= maxBytes) chunks.push(chunk);
			else limits.stop('output');
		});
		child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
			limits.alive();
			const room = STDERR_KEPT_CHARS - head.length;
			head += chunk.slice(0, room);
			tail = (tail + chunk.slice(room)).slice(-STDERR_KEPT_CHARS);
			run.onStderr?.(chunk);
		});
		const finish = (exitCode: number | null): void => {
			limits.clear();
			running.delete(child);
			const stdout = Buffer.concat(chunks).toString('utf8');
			resolve({ exitCode, stdout, stderr: head + tail, stopped: limits.reason(), spawnError });
		};
		child.on('error', (error: NodeJS.ErrnoException) => {
			spawnError ??= error;
			if (child.pid === undefined) finish(null);
		});
		child.on('close', finish);
		feed(child, run.stdin);
	});

const describeFailure = (ended: Ended, { what, protocols = [] }: GitRun): WireError => {
	if (ended.spawnError?.code === 'ENOENT') {
		return wireError('git_missing', 'The program “git” is not on the PATH.');
	}
	if (ended.spawnError) {
		return wireError('git_failed', `Could not ${what}: ${ended.spawnError.message}`);
	}
	switch (ended.stopped) {
		case 'timeout':
			return wireError('git_timeout', `Could not ${what}: git took too long.`);
		case 'stalled':
			return wireError('git_timeout', `Could not ${what}: the other side went silent.`);
		case 'aborted':
			return wireError('git_failed', `Could not ${what}: it was cancelled.`);
		case 'output':
			return wireError('git_failed', `Could not ${what}: git said more than we take.`);
		case null:
			return classifyGitFailure(ended.stderr, what, protocols.length > 0);
	}
};

const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

/** `{ program, env }` are for tests and unusual installations. */
export const createGit = (options: GitOptions = {}): Git => {
	const from = options.env ?? process.env;
	const program = options.program ?? 'git';
	const running = new Set<ChildProcess>();
	return {
		locks: createKeyedMutex(),
		usesProxy: PROXY_VARIABLES.some((name) => from[name]),
		async run(run) {
			const env = gitEnvironment({
				from,
				userConfig: run.userConfig ?? false,
				protocols: run.protocols ?? [],
				config: run.config ?? [],
				extra: run.env ?? {}
			});
			const place = [
				...(run.gitDir === undefined ? [] : [`--git-dir=${run.gitDir}`]),
				...(run.workTree === undefined ? [] : [`--work-tree=${run.workTree}`])
			];
			const ended = await runToEnd(program, [...place, ...run.args], env, run, running);
			const accepted = ended.exitCode === 0 || run.acceptExitCodes?.includes(ended.exitCode ?? -1);
			if (!accepted || ended.stopped !== null) return fail(describeFailure(ended, run));
			return ok({ exitCode: ended.exitCode ?? 0, stdout: ended.stdout, stderr: ended.stderr });
		},
		async sshHostName(host) {
			const env = { PATH: from.PATH ?? '', HOME: from.HOME ?? '', LC_ALL: 'C' };
			const limits = { timeoutMs: 5_000 };
			const ended = await runToEnd('ssh', ['-G', '--', host], env, limits, running);
			return /^hostname (\S+)$/m.exec(ended.stdout)?.[1] ?? null;
		},
		endAll: () => {
			for (const child of running) killGroup(child, 'SIGKILL');
		}
	};
};
