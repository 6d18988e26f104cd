/** Running bubblewrap sandboxes as the manager holds them: noticing the end, logs, stopping. */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { SandboxRecord } from './bubblewrap-shim.ts';
import { liveInit, liveShim, readExit } from './bubblewrap-shim.ts';
import type { RunningSandbox, SandboxExit, SandboxRef } from './driver.ts';
import { lastLines, LOG_TAIL_BYTES } from './log-lines.ts';

/** How often the shim is looked at where the file system tells nothing. */
const POLL_MS = 1_000;
/** How long the kernel may take to end what was killed. */
const KILL_TIMEOUT_MS = 5_000;

/** Resolves once the shim has recorded an end, or is gone without. */
const watchExit = (folder: string, bootId: string): Promise<SandboxExit> =>
	new Promise((resolve) => {
		const look = (): void => {
			const exit = readExit(folder, bootId);
			if (!exit) return;
			clearInterval(timer);
			watcher?.close();
			resolve(exit);
		};
		const timer = setInterval(look, POLL_MS);
		timer.unref();
		let watcher: ReturnType<typeof watch> | null = null;
		try {
			watcher = watch(folder, { persistent: false }, look);
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

const signalQuietly = (pid: number | null, signal: NodeJS.Signals): void => {
	try {
		if (pid !== null) process.kill(pid, signal);
	} catch {
		// It ended in the meantime.
	}
};

const tailOf = async (path: string): Promise<string> => {
	const file = await open(path, 'r').catch(() => null);
	if (!file) return '';
	try {
		const { size } = await file.stat();
		const length = Math.min(size, LOG_TAIL_BYTES);
		const { buffer, bytesRead } = await file.read(
			Buffer.alloc(length),
			...([0, length, size - length] as const)
		);
		return buffer.toString('utf8', 0, bytesRead);
	} finally {
		await file.close();
	}
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
		const exited = watchExit(ref.id, bootId).then((exit): SandboxExit => {
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
			signalQuietly(liveInit(ref.id, bootId), 'SIGKILL');
			if (await within(exited, KILL_TIMEOUT_MS)) return;
			signalQuietly(liveShim(ref.id, bootId), 'SIGKILL');
			await within(exited, KILL_TIMEOUT_MS);
		};
		const logs = async (maxLines: number): Promise<string[]> => {
			const parts = await Promise.all(['log.old', 'log'].map((name) => tailOf(join(ref.id, name))));
			return lastLines(parts.join(''), maxLines);
		};
		const handle: Handle = {
			removing: false,
			running: { ref, limited, notes, exited, logs, stop }
		};
		handles.set(key, handle);
		return handle;
	};

	return {
		open: (ref, record) => openHandle(ref, record).running,
		end: async (ref, record) => {
			if (readExit(ref.id, record.bootId)) return;
			const handle = openHandle(ref, record);
			handle.removing = true;
			await handle.running.stop(0);
		}
	};
};
