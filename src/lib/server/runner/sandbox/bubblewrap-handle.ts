/** Running bubblewrap sandboxes as the manager holds them: noticing the end, logs, stopping. */
import { existsSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { ProcessStat } from '#lib/server/process-stat.ts';
import { readLog } from './bubblewrap-log.ts';
import type { SandboxRecord } from './bubblewrap-shim.ts';
import {
	isInitStopped,
	isStillThere,
	liveInit,
	liveProcesses,
	liveShim,
	readExit,
	readMemoryKills
} from './bubblewrap-shim.ts';
import type { RunningSandbox, SandboxExit, SandboxRef } from './driver.ts';

/** How often the shim is looked at where the file system tells nothing. */
const POLL_MS = 1_000;
/** A kill for lack of memory more than so many looks ago is not what ended the sandbox. */
const MEMORY_LOOKS = 6;
/** How long the kernel may take to end what was killed. */
const KILL_TIMEOUT_MS = 5_000;
/** A sandbox that is still being made may not have its first process yet. */
const KILL_PAUSE_MS = 100;

const signalQuietly = (pid: number | null, signal: NodeJS.Signals): void => {
	try {
		if (pid !== null) process.kill(pid, signal);
	} catch {
		// It ended in the meantime.
	}
};

/**
 * Resolves once the shim has recorded an end, or is gone without, or its folder is, while the others' are
 * there: then what it held is ended too, or it would go on in a worktree that the next sandbox gets.
 */
const watchExit = (
	folder: string,
	{ bootId, oomFile }: Pick<SandboxRecord, 'bootId' | 'oomFile'>
): Promise<SandboxExit> =>
	new Promise((resolve) => {
		/** Counts of kills for lack of memory at the last looks, oldest first. */
		const kills: number[] = [];
		let known: ProcessStat[] = [];
		const look = (): void => {
			const exit = readExit(folder, bootId, kills[0]);
			if (!exit) {
				known = liveProcesses(folder, bootId);
				return;
			}
			// Moved away with all the others', or its disk was: what it holds goes on, and is found when it is back.
			if (!existsSync(dirname(folder)) && known.some(isStillThere)) return;
			const ownEnd = exit.cause !== 'lost' && exit.cause !== 'removed';
			const left = ownEnd ? [] : [...known, ...liveProcesses(folder, bootId)].filter(isStillThere);
			if (left.length > 0) {
				for (const { pid } of left) signalQuietly(pid, 'SIGKILL');
				setTimeout(look, KILL_PAUSE_MS);
				return;
			}
			clearInterval(timer);
			watcher?.close();
			resolve(exit);
		};
		const timer = setInterval(() => {
			const count = readMemoryKills(oomFile);
			if (count !== null) kills.push(count);
			if (kills.length > MEMORY_LOOKS) kills.shift();
			look();
		}, POLL_MS);
		timer.unref();
		let watcher: ReturnType<typeof watch> | null = null;
		try {
			// The log is in the same folder and written all the time.
			watcher = watch(folder, { persistent: false }, (_, name) => {
				if (name === 'exit') look();
			});
			watcher.on('error', () => watcher?.close());
		} catch {
			watcher = null;
		}
		look();
	});

const within = async (promise: Promise<unknown>, timeoutMs: number): Promise<boolean> => {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<false>((resolve) => {
		timer = setTimeout(() => resolve(false), timeoutMs);
	});
	const inTime = await Promise.race([promise.then(() => true as const), late]);
	clearTimeout(timer);
	return inTime;
};

interface Handle {
	running: RunningSandbox;
	/** Set before we end it for good, so that the cause says so. */
	removing: boolean;
}

export interface Handles {
	/** The one handle of a sandbox, whoever asks. */
	open(ref: SandboxRef, record: SandboxRecord): RunningSandbox;
	/** Kills it; its exit says `removed`. */
	end(ref: SandboxRef, record: SandboxRecord): Promise<void>;
}

export const createHandles = (logger: Logger): Handles => {
	const handles = new Map<string, Handle>();

	const openHandle = (ref: SandboxRef, record: SandboxRecord): Handle => {
		const key = `${ref.id}#${record.epoch}`;
		const known = handles.get(key);
		if (known) return known;
		const { bootId, limited, notes } = record;
		const exited = watchExit(ref.id, record).then((exit): SandboxExit => {
			handles.delete(key);
			const cause = handle.removing ? 'removed' : exit.cause;
			logger.info({ session: record.session, cause, exitCode: exit.exitCode }, 'sandbox ended');
			return { cause, exitCode: exit.exitCode };
		});
		const stop = async (graceMs: number): Promise<void> => {
			if (graceMs > 0) {
				signalQuietly(liveInit(ref.id, bootId), 'SIGTERM');
				if (await within(exited, graceMs)) return;
			}
			const end = performance.now() + KILL_TIMEOUT_MS;
			do signalQuietly(liveInit(ref.id, bootId), 'SIGKILL');
			while (!(await within(exited, KILL_PAUSE_MS)) && performance.now() < end);
			signalQuietly(liveShim(ref.id, bootId), 'SIGKILL');
			await within(exited, KILL_TIMEOUT_MS);
		};
		const condition = (): Promise<'running' | 'paused'> =>
			Promise.resolve(isInitStopped(ref.id, bootId) ? 'paused' : 'running');
		const logs = (maxLines: number): Promise<string[]> => readLog(ref.id, maxLines);
		const handle: Handle = {
			removing: false,
			running: { ref, limited, notes, exited, condition, logs, stop }
		};
		handles.set(key, handle);
		return handle;
	};

	return {
		open: (ref, record) => openHandle(ref, record).running,
		end: async (ref, record) => {
			const ended = readExit(ref.id, record.bootId);
			if (ended && (ended.cause !== 'lost' || liveInit(ref.id, record.bootId) === null)) return;
			const handle = openHandle(ref, record);
			handle.removing = true;
			await handle.running.stop(0);
		}
	};
};
