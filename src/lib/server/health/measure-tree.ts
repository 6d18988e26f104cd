/**
 * How much of the disk a folder takes. An agent may have made it as large and as deep as it likes:
 * no link is followed, nothing recurses, and a look that takes too long ends with what it has.
 */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Measured {
	bytes: number;
	/** False: it is at least this much. */
	complete: boolean;
}

export interface MeasureOptions {
	/** Monotonic; nothing is begun after this. */
	deadlineMs: number;
	nowMs: () => number;
	signal?: AbortSignal;
}

/** Files looked at together: enough to keep the disk busy, few enough to leave the threads to others. */
const TOGETHER = 8;
const BLOCK_BYTES = 512;

/** What a file occupies, which for a sparse one is less than its length. */
const bytesAt = async (path: string): Promise<number> => {
	const status = await lstat(path).catch(() => null);
	return status === null ? 0 : status.blocks * BLOCK_BYTES;
};

/** Never throws: what can't be read counts as nothing. */
export const measureTree = async (root: string, options: MeasureOptions): Promise<Measured> => {
	const { deadlineMs, nowMs, signal } = options;
	const folders = [root];
	let bytes = await bytesAt(root);
	for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
		let batch: Promise<number>[] = [];
		const listing = await opendir(folder).catch(() => null);
		if (!listing) continue;
		try {
			for await (const entry of listing) {
				if (signal?.aborted || nowMs() > deadlineMs) return { bytes, complete: false };
				const path = join(folder, entry.name);
				if (entry.isDirectory()) folders.push(path);
				batch.push(bytesAt(path));
				if (batch.length < TOGETHER) continue;
				for (const size of await Promise.all(batch)) bytes += size;
				batch = [];
			}
		} catch {
			// It was removed while it was read.
		}
		for (const size of await Promise.all(batch)) bytes += size;
	}
	return { bytes, complete: true };
};
