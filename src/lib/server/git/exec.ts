/**
 * The one place that starts git. Always an argument vector, never a shell; no prompt can be shown;
 * every run has a time limit, an output limit and its own process group, which is ended as a whole.
 * Callers put `--end-of-options` before anything that came from outside.
 */
import { Readable } from 'node:stream';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { launchHere, type Launch, type LaunchedProgram } from '#lib/server/programs/launch.ts';
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
	/** Kills whatever runs, at once, and what is about to. */
	endAll(): void;
}

export interface GitOptions {
	/** Default: `git` on PATH. */
	program?: string;
	env?: NodeJS.ProcessEnv;
	/** Default: as a child of this process. */
	launch?: Launch;
}

interface Ended {
	exitCode: number | null;
	stdout: string;
	stderr: string;
	/** Why we ended it, if we did. */
	stopped: 'timeout' | 'stalled' | 'aborted' | 'output' | null;
	spawnError: NodeJS.ErrnoException | null;
}

/** Ends the group when a limit is hit; `reason` is the first one that was. */
const watchLimits = (program: LaunchedProgram, run: Omit<GitRun, 'args' | 'what'>) => {
	let reason: Ended['stopped'] = null;
	let killTimer: NodeJS.Timeout | undefined;
	const stop = (why: NonNullable<Ended['stopped']>): void => {
		if (reason !== null) return;
		reason = why;
		program.kill('SIGTERM');
		killTimer = setTimeout(() => program.kill('SIGKILL'), KILL_GRACE_MS);
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

const feed = (program: LaunchedProgram, stdin: Readable | string | undefined): void => {
	if (!program.stdin) return;
	// git may end before it has read all: that is its answer, not an error of ours
	program.stdin.on('error', () => undefined);
	if (stdin instanceof Readable) {
		stdin.on('error', () => program.kill('SIGTERM'));
		stdin.pipe(program.stdin);
	} else {
		program.stdin.end(stdin ?? '');
	}
};

interface Said {
	stdout: Buffer[];
	/** Its beginning and its end. */
	stderr: { head: string; tail: string };
}

/** Gathers what a program says, within the limits. */
const listen = (
	program: LaunchedProgram,
	limits: ReturnType<typeof watchLimits>,
	{ maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, onStderr }: Omit<GitRun, 'args' | 'what'>
): Said => {
	const said: Said = { stdout: [], stderr: { head: '', tail: '' } };
	let bytes = 0;
	program.outputs[1]?.on('data', (chunk: Buffer) => {
		limits.alive();
		bytes += chunk.length;
		if (bytes <= maxOutputBytes) said.stdout.push(chunk);
		else limits.stop('output');
	});
	program.outputs[2]?.setEncoding('utf8').on('data', (chunk: string) => {
		limits.alive();
		const { head, tail } = said.stderr;
		const room = STDERR_KEPT_CHARS - head.length;
		said.stderr = {
			head: head + chunk.slice(0, room),
			tail: (tail + chunk.slice(room)).slice(-STDERR_KEPT_CHARS)
		};
		onStderr?.(chunk);
	});
	return said;
};

/** What runs now, and whether anything may still begin. */
interface Running {
	programs: Set<LaunchedProgram>;
	over: boolean;
}

const runToEnd = async (
	launch: Launch,
	[program, ...args]: readonly [string, ...string[]],
	env: Record<string, string>,
	run: Omit<GitRun, 'args' | 'what'>,
	running: Running
): Promise<Ended> => {
	const nothing = { exitCode: null, stdout: '', stderr: '', stopped: null };
	let launched: LaunchedProgram;
	try {
		const stdio = [run.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const;
		launched = await launch(program, args, { env, stdio, group: true });
	} catch (cause) {
		if (run.stdin instanceof Readable) run.stdin.destroy();
		return { ...nothing, spawnError: cause as NodeJS.ErrnoException };
	}
	running.programs.add(launched);
	if (running.over) launched.kill('SIGKILL');
	const limits = watchLimits(launched, run);
	const said = listen(launched, limits, run);
	feed(launched, run.stdin);
	const { exitCode, error } = await launched.ended;
	limits.clear();
	running.programs.delete(launched);
	return {
		exitCode,
		stdout: Buffer.concat(said.stdout).toString('utf8'),
		stderr: said.stderr.head + said.stderr.tail,
		stopped: limits.reason(),
		spawnError: error
	};
};

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
	const launch = options.launch ?? launchHere;
	const running: Running = { programs: new Set(), over: false };
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
			const ended = await runToEnd(launch, [program, ...place, ...run.args], env, run, running);
			const accepted = ended.exitCode === 0 || run.acceptExitCodes?.includes(ended.exitCode ?? -1);
			if (!accepted || ended.stopped !== null) return fail(describeFailure(ended, run));
			return ok({ exitCode: ended.exitCode ?? 0, stdout: ended.stdout, stderr: ended.stderr });
		},
		async sshHostName(host) {
			const env = { PATH: from.PATH ?? '', HOME: from.HOME ?? '', LC_ALL: 'C' };
			const limits = { timeoutMs: 5_000 };
			const ended = await runToEnd(launch, ['ssh', '-G', '--', host], env, limits, running);
			return /^hostname (\S+)$/m.exec(ended.stdout)?.[1] ?? null;
		},
		endAll: () => {
			running.over = true;
			for (const program of running.programs) program.kill('SIGKILL');
		}
	};
};
