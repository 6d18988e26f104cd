/** Running containers as the manager holds them: noticing the end, logs, stopping. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ContainerState, DockerEngine } from './docker-engine.ts';
import { unframeLog } from './docker-frames.ts';
import type { RunningSandbox, SandboxExit, SandboxRef } from './driver.ts';
import { lastLines } from './log-lines.ts';

/** A wait is never trusted longer: then the engine is asked anew. */
const WAIT_MS = 15_000;
const FIRST_BACKOFF_MS = 250;
const LAST_BACKOFF_MS = 5_000;
const KILL_TIMEOUT_MS = 5_000;

/** How a container ended, from what the engine says of it. */
export const exitOf = (state: ContainerState, engineWasGone: boolean): SandboxExit => {
	const { exitCode, status } = state;
	if (status === 'created') return { cause: 'lost', exitCode: null };
	if (state.oomKilled && exitCode !== 0) return { cause: 'oom', exitCode };
	if (engineWasGone && exitCode !== 0) return { cause: 'engine', exitCode };
	return { cause: exitCode > 128 && exitCode <= 192 ? 'killed' : 'exited', exitCode };
};

/**
 * Resolves once the container runs no more. Asks again and again, for ever if need be: a broken wait
 * or an engine that does not answer means nothing about the container.
 */
const watchExit = async (engine: DockerEngine, id: string): Promise<SandboxExit> => {
	let backoffMs = FIRST_BACKOFF_MS;
	let engineWasGone = false;
	for (;;) {
		const waited = await engine.waitUntilStopped(id, AbortSignal.timeout(WAIT_MS));
		const inspected = await engine.inspect(id);
		if (inspected.ok) {
			if (!inspected.value.running) return exitOf(inspected.value, engineWasGone);
		} else if (inspected.error.kind === 'missing') {
			return { cause: 'removed', exitCode: null };
		}
		const isAway = !inspected.ok || (!waited.ok && waited.error.kind !== 'aborted');
		// One that outlives its engine, or was there before, ends for a reason of its own.
		engineWasGone = isAway;
		// It runs: a wait that took its full time is as it should be, any other must not make us spin.
		if (!isAway && !waited.ok) {
			backoffMs = FIRST_BACKOFF_MS;
			continue;
		}
		await pause(backoffMs, undefined, { ref: false });
		backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS);
	}
};

const within = async (promise: Promise<unknown>, timeoutMs: number): Promise<boolean> => {
	const cancel = new AbortController();
	const late = pause(timeoutMs, false, { signal: cancel.signal }).catch(() => false);
	const inTime = await Promise.race([promise.then(() => true), late]);
	cancel.abort();
	return inTime;
};

interface Handle {
	running: RunningSandbox;
	removing: boolean;
}

export interface ContainerHandles {
	/** The one handle of a container, whoever asks. */
	open(ref: SandboxRef, limits: { limited: boolean; notes: string[] }): RunningSandbox;
	/** Says that we are about to remove it, so that its exit says so too. */
	markRemoving(id: string): void;
}

export const createContainerHandles = (engine: DockerEngine, logger: Logger): ContainerHandles => {
	const handles = new Map<string, Handle>();

	const kill = async (id: string): Promise<void> => {
		const killed = await engine.kill(id, 'SIGKILL');
		if (killed.ok || killed.error.kind === 'missing') return;
		await engine.unpause(id);
		await engine.kill(id, 'SIGKILL');
	};

	const openHandle = (
		ref: SandboxRef,
		{ limited, notes }: { limited: boolean; notes: string[] }
	): Handle => {
		const exited = watchExit(engine, ref.id).then((exit): SandboxExit => {
			handles.delete(ref.id);
			const cause = handle.removing ? 'removed' : exit.cause;
			logger.info({ session: ref.labels.session, cause, exitCode: exit.exitCode }, 'sandbox ended');
			return { cause, exitCode: exit.exitCode };
		});
		const handle: Handle = {
			removing: false,
			running: {
				ref,
				limited,
				notes,
				exited,
				condition: async () => {
					const state = await engine.inspect(ref.id);
					if (!state.ok) return state.error.kind === 'unreachable' ? 'unknown' : 'running';
					return state.value.status === 'paused' ? 'paused' : 'running';
				},
				logs: async (maxLines) => {
					const log = await engine.logs(ref.id, maxLines);
					return log.ok ? lastLines(unframeLog(log.value), maxLines) : [];
				},
				stop: async (graceMs) => {
					if (graceMs > 0) {
						await engine.kill(ref.id, 'SIGTERM');
						if (await within(exited, graceMs)) return;
					}
					await kill(ref.id);
					await within(exited, KILL_TIMEOUT_MS);
				}
			}
		};
		handles.set(ref.id, handle);
		return handle;
	};

	return {
		open: (ref, limits) => (handles.get(ref.id) ?? openHandle(ref, limits)).running,
		markRemoving: (id) => {
			const handle = handles.get(id);
			if (handle) handle.removing = true;
		}
	};
};
