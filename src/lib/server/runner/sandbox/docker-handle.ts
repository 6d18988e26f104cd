/** Running containers as the manager holds them: noticing the end, logs, stopping. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { currentBootId } from '#lib/server/process-stat.ts';
import type { ContainerState, DockerEngine } from './docker-engine.ts';
import { unframeLog } from './docker-frames.ts';
import type { RunningSandbox, SandboxExit, SandboxRef } from './driver.ts';
import { exitOfCode } from './exit-code.ts';
import { BOOT_LABEL } from './labels.ts';
import { lastLines } from './log-lines.ts';

/**
 * A wait is never trusted longer: then the engine is asked anew. One that came back to its containers
 * (live-restore) has been seen to leave a wait open over their end, which is told within 5 s.
 */
const WAIT_MS = 4_000;
const FIRST_BACKOFF_MS = 250;
const LAST_BACKOFF_MS = 5_000;
const KILL_TIMEOUT_MS = 5_000;
/** Memory that ran out so long before the end had to do with it. */
const MEMORY_MS = 8_000;
const REMOVAL_MS = 1_500;
const REMOVAL_LOOKS = 6;

/**
 * How a container ended, from what the engine says of it. `engineWasGone`: it ended while its engine was away,
 * which takes its containers along.
 */
export const exitOf = (state: ContainerState, engineWasGone: boolean): SandboxExit => {
	const { status } = state;
	if (status === 'created') return { cause: 'lost', exitCode: null };
	const exit = exitOfCode(state.exitCode);
	if (state.oomKilled && state.exitCode !== 0) return { ...exit, cause: 'oom' };
	const madeIn = state.labels[BOOT_LABEL] ?? '';
	if (madeIn !== '' && madeIn !== currentBootId()) return { ...exit, cause: 'host' };
	if (status === 'removing' || status === 'dead') return { ...exit, cause: 'removed' };
	return engineWasGone ? { ...exit, cause: 'engine' } : exit;
};

/** The engine says of a container only that memory ran out once: long ago is not why it ended now. */
const wasMemoryLongAgo = async (
	engine: DockerEngine,
	{ id, finishedAtMs }: ContainerState
): Promise<boolean> => {
	if (finishedAtMs === null) return false;
	const told = await engine.happenings(id, finishedAtMs - MEMORY_MS, finishedAtMs + 1_000);
	return told.ok && told.value.includes('die') && !told.value.includes('oom');
};

/** A removal by force kills first: what is gone a moment later was not just killed. */
const isBeingRemoved = async (engine: DockerEngine, id: string): Promise<boolean> => {
	for (let look = 0; look < REMOVAL_LOOKS; look++) {
		await pause(REMOVAL_MS / REMOVAL_LOOKS, undefined, { ref: false });
		const state = await engine.inspect(id);
		if (!state.ok) return state.error.kind === 'missing';
		if (state.value.status === 'removing' || state.value.status === 'dead') return true;
	}
	return false;
};

/** The end that nobody here asked for, looked at twice where once may deceive. */
const lookAtEnd = async (
	engine: DockerEngine,
	state: ContainerState,
	engineWasGone: boolean
): Promise<SandboxExit> => {
	const isOld = state.oomKilled && (await wasMemoryLongAgo(engine, state));
	const exit = exitOf(isOld ? { ...state, oomKilled: false } : state, engineWasGone);
	if (exit.cause !== 'killed' || !(await isBeingRemoved(engine, state.id))) return exit;
	return { ...exit, cause: 'removed' };
};

/**
 * Resolves once the container runs no more. Asks again and again, for ever if need be: a broken wait
 * or an engine that does not answer means nothing about the container.
 */
const watchExit = async (
	engine: DockerEngine,
	id: string,
	isAsked: () => boolean
): Promise<SandboxExit> => {
	let backoffMs = FIRST_BACKOFF_MS;
	let engineWasGone = false;
	for (;;) {
		const waited = await engine.waitUntilStopped(id, AbortSignal.timeout(WAIT_MS));
		const inspected = await engine.inspect(id);
		const waitBroke = !waited.ok && waited.error.kind !== 'aborted';
		if (inspected.ok && !inspected.value.running) {
			const wasGone = engineWasGone || waitBroke;
			return isAsked()
				? exitOf(inspected.value, wasGone)
				: lookAtEnd(engine, inspected.value, wasGone);
		}
		if (!inspected.ok && inspected.error.kind === 'missing') {
			return { cause: 'removed', exitCode: null };
		}
		// What outlives its engine ends, later, for a reason of its own.
		engineWasGone = !inspected.ok;
		// It runs: a wait that took its full time is as it should be, any other must not make us spin.
		if (inspected.ok && !waited.ok && !waitBroke) {
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
	/** We have asked it to end. */
	asked: boolean;
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
		const exited = watchExit(engine, ref.id, () => handle.asked || handle.removing).then(
			(exit): SandboxExit => {
				handles.delete(ref.id);
				const cause = handle.removing ? 'removed' : exit.cause;
				logger.info(
					{ session: ref.labels.session, cause, exitCode: exit.exitCode },
					'sandbox ended'
				);
				return { cause, exitCode: exit.exitCode };
			}
		);
		const handle: Handle = {
			removing: false,
			asked: false,
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
					handle.asked = true;
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
