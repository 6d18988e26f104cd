/**
 * What we ask of a Docker engine, as plain functions that never throw and never hang: each call
 * answers within `ENGINE_TIMEOUT_MS`, or says that the engine does not. `docker.ts` makes one.
 */
import type { Duplex } from 'node:stream';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';

export const ENGINE_TIMEOUT_MS = 10_000;

export interface EngineFailure {
	kind: 'unreachable' | 'aborted' | 'missing' | 'conflict' | 'refused';
	message: string;
}

export type Answer<T> = Promise<Result<T, EngineFailure>>;

export interface EngineFacts {
	version: string;
	/** As `1.41`. */
	apiVersion: string;
	operatingSystem: string;
	canLimit: { memory: boolean; pids: boolean; cpu: boolean };
}

export interface ContainerState {
	id: string;
	labels: Record<string, string>;
	/** `created`, `running`, `paused`, `exited`, `dead`… */
	status: string;
	running: boolean;
	exitCode: number;
	/** Something in it was killed for lack of memory, at whatever time. */
	oomKilled: boolean;
	/** By the engine's clock, in milliseconds since the epoch; null while it has not ended. */
	finishedAtMs: number | null;
}

export interface ContainerSummary {
	id: string;
	/** Without the slash that the engine puts before it. */
	name: string;
	labels: Record<string, string>;
	running: boolean;
	createdMs: number;
}

export interface BuildOptions {
	/** Folder with the Dockerfile, and the files in it that are sent. */
	folder: string;
	files: readonly string[];
	tag: string;
	labels: Record<string, string>;
	buildArgs: Record<string, string>;
}

/** A program's connection: read frames from it, write its input to it, end it to close its input. */
export interface Attached {
	stream: Duplex;
	/** Once the stream has ended. */
	exitCode(): Answer<number>;
}

export interface DockerEngine {
	facts(signal?: AbortSignal): Answer<EngineFacts>;
	/** The image's labels, or null when there is no such image. */
	imageLabels(name: string, signal?: AbortSignal): Answer<Record<string, string> | null>;
	create(name: string | null, options: object, signal?: AbortSignal): Answer<string>;
	start(id: string, signal?: AbortSignal): Answer<void>;
	inspect(idOrName: string): Answer<ContainerState>;
	/** What happened to it in a span of the engine's time, as far as the engine remembers: `oom`, `kill`, `die`… */
	happenings(id: string, fromMs: number, untilMs: number): Answer<string[]>;
	/** Answers when it runs no more; the one call that may take for ever, so it needs a signal. */
	waitUntilStopped(id: string, signal: AbortSignal): Answer<void>;
	kill(id: string, signal: 'SIGTERM' | 'SIGKILL'): Answer<void>;
	unpause(id: string): Answer<void>;
	remove(id: string): Answer<void>;
	/** Framed, as the engine keeps it. */
	logs(id: string, maxLines: number): Answer<Buffer>;
	/** Every container that has all these labels (`key=value`), running or not. */
	list(labels: readonly string[]): Answer<ContainerSummary[]>;
	/** Every container whose name has this in it, whoever made it. */
	listNamed(name: string): Answer<ContainerSummary[]>;
	exec(id: string, options: object, signal: AbortSignal): Answer<Attached>;
	/** Attaches to a container that is not started yet, starts it, and removes it at its end. */
	runAttached(options: object, hasInput: boolean, signal: AbortSignal): Answer<Attached>;
	/**
	 * Builds an image, with the host's network where the engine has no bridge; `onLine` gets the engine's
	 * words as they come.
	 */
	build(options: BuildOptions, onLine: (line: string) => void, signal: AbortSignal): Answer<void>;
}

/** A failure as an error for people; `code` is what it means here when the engine did answer. */
export const engineError = (
	failure: EngineFailure,
	code: 'sandbox_start_failed' | 'sandbox_died' | 'sandbox_image_missing' = 'sandbox_start_failed'
): WireError => {
	if (failure.kind === 'unreachable') return wireError('engine_unreachable', failure.message);
	if (/no space left on device|disk quota exceeded/i.test(failure.message)) {
		return wireError('disk_full', failure.message);
	}
	return wireError(code, failure.message);
};
