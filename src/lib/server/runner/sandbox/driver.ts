/**
 * How a kind of sandbox is made. A driver is a small record; one contract suite
 * (`tests/contract/sandbox-driver.sandbox.test.ts`) runs against each for real.
 */
import type { Readable, Writable } from 'node:stream';
import type { DriverKind, ExitCause } from '@agent-manager/protocol/session.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';

/** What every sandbox of ours carries, so that it can be found again and nobody else's is touched. */
export interface SandboxLabels {
	/** Id of the workspace's manager instance: `agent-manager.instance`. */
	instance: string;
	/** `agent-manager.session`. */
	session: string;
	/** `agent-manager.epoch`: which incarnation of the runner. */
	epoch: number;
}

export interface SandboxLimits {
	cpus: number;
	memoryBytes: number;
	/** Processes and threads together. */
	pids: number;
}

/** All a driver needs to make one session's sandbox. Paths are absolute and on the host. */
export interface SandboxSpec {
	labels: SandboxLabels;
	/** Writable, mounted at the same path; the working directory. */
	worktreePath: string;
	/** The mirror's `objects` folder, read-only at the same path. */
	mirrorObjectsPath: string;
	/** Writable at the same path: outbox, agent config and conversation. */
	sessionFolder: string;
	/** Inside the session folder, mounted read-only on top: holds the door's socket `door.sock`. */
	doorDirectory: string;
	/** For the runner. Nothing secret but the session's own token, which `env.AGENT_MANAGER_TOKEN` holds. */
	env: Record<string, string>;
	limits: SandboxLimits;
}

/** A spec for `runOnce`: no door, and everything read-only. */
export interface RunOnceSpec extends Pick<
	SandboxSpec,
	'labels' | 'worktreePath' | 'mirrorObjectsPath'
> {
	/** The worktree may be written: for what a person asks to be done in it. */
	writable?: true;
}

/** Handle of a sandbox that the driver can find again after a restart of the manager. */
export interface SandboxRef {
	kind: DriverKind;
	/** Docker: container id. bubblewrap: the folder that the shim keeps its records in. */
	id: string;
	labels: SandboxLabels;
}

export interface SandboxExit {
	cause: ExitCause;
	exitCode: number | null;
}

export interface RunningSandbox {
	ref: SandboxRef;
	/** False where the platform can't enforce the limits; `notes` says why. */
	limited: boolean;
	notes: string[];
	/** Resolves once, when the sandbox is no more; never rejects. */
	exited: Promise<SandboxExit>;
	/** How it stands now: at work, halted with all that runs in it, or its engine can't be asked. */
	condition(): Promise<'running' | 'paused' | 'unknown'>;
	/** Last lines of stdout and stderr of the runner, oldest first, at most `maxLines`. */
	logs(maxLines: number): Promise<string[]>;
	/** Asks, then kills after `graceMs`; resolves when nothing of it runs. Safe to call twice. */
	stop(graceMs: number): Promise<void>;
}

/** One sandbox of this instance that exists now. */
export interface ListedSandbox {
	ref: SandboxRef;
	running: boolean;
	/** Set when it is not running and the driver still knows. */
	exit: SandboxExit | null;
}

/** What is there, ours or with a name like ours: for the inventory, which may find what `list` leaves out. */
export interface SurveyedSandbox {
	/** What a person would call it: the container's name, the record's folder. */
	name: string;
	/**
	 * `session`: as `list` has it. `once`: of one `runOnce`. `broken`: ours, made only in part.
	 * `foreign`: a name like ours without our label, or with another instance's.
	 */
	owner: 'session' | 'once' | 'broken' | 'foreign';
	/** For `remove`; null when it is not ours. */
	ref: SandboxRef | null;
	running: boolean;
	/** When it was made. */
	sinceMs: number | null;
}

export interface DriverCheck {
	/** Can a session be started now? */
	available: boolean;
	/** False where CPU, memory and process limits can't be enforced. */
	limited: boolean;
	/** True when its image was made from other sources than this app has: it serves, and is made anew. */
	outdated: boolean;
	/** Engine or program version, for `doctor`. */
	version: string | null;
	/** Why not available, with the way to mend it; or null. */
	problem: WireError | null;
	notes: string[];
}

export interface SandboxDriver {
	readonly kind: DriverKind;
	/** Quick and without side effects. Never throws. */
	check(signal?: AbortSignal): Promise<DriverCheck>;
	/**
	 * Makes and starts the sandbox with the runner in it. Idempotent by labels: an existing one of
	 * the same session and epoch is adopted, one of an older epoch is removed first.
	 * Errors: `sandbox_unavailable`, `sandbox_image_missing`, `engine_unreachable`, `sandbox_start_failed`, `disk_full`.
	 */
	start(spec: SandboxSpec, signal: AbortSignal): Promise<Result<RunningSandbox, WireError>>;
	/**
	 * Runs one program to its end against the session's worktree, without network, with the objects and,
	 * unless the spec says otherwise, the worktree read-only, as the worktree's owner. Works whether a sandbox runs or not. `stdout` gets its
	 * output as it comes. Resolves to the exit code and the last 8 KiB of stderr.
	 */
	runOnce(
		spec: RunOnceSpec,
		argv: readonly string[],
		stdio: { stdin?: Readable; stdout: Writable },
		signal: AbortSignal
	): Promise<Result<{ exitCode: number; stderr: string }, WireError>>;
	/** Every sandbox with this instance's label, and no other. A failed listing is an error, never an empty list. */
	list(instance: string): Promise<Result<ListedSandbox[], WireError>>;
	/** Everything that is ours in any way, and what only looks so. A failure is an error, as in `list`. */
	survey(instance: string): Promise<Result<SurveyedSandbox[], WireError>>;
	/** Takes over a sandbox found by `list`. */
	adopt(ref: SandboxRef): Promise<Result<RunningSandbox, WireError>>;
	/** Removes it, running or not, with all it left. Safe when it is gone already. */
	remove(ref: SandboxRef): Promise<Result<void, WireError>>;
}
