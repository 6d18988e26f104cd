import { mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { watchForOrphan } from './orphan-watch.ts';

let folder: string;
/** As a sandbox sees its mount: by what it is, whatever became of its name. */
let mount: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'am-orphan-'));
	mount = `/proc/self/fd/${openSync(folder, 'r')}`;
});
afterEach(() => {
	for (const path of [folder, `${folder}-away`]) rmSync(path, { recursive: true, force: true });
});

/** `looks` counts how often it was looked whether somebody is there. */
const watching = (isConnected: () => boolean) => {
	const seen = { looks: 0, orphaned: 0, ms: 0 };
	const stop = watchForOrphan({
		...{ sessionFolder: mount, lookMs: 1, patienceMs: 10 },
		isConnected: () => {
			seen.looks += 1;
			return isConnected();
		},
		onOrphaned: () => (seen.orphaned += 1),
		nowMs: () => (seen.ms += 1)
	});
	onTestFinished(stop);
	const looksMore = (): Promise<void> => {
		const until = seen.looks + 30;
		return expect.poll(() => seen.looks, { timeout: 30_000, interval: 5 }).toBeGreaterThan(until);
	};
	return { seen, looksMore };
};

describe.skipIf(process.platform !== 'linux')('a runner without a manager', () => {
	it('waits for ever while its folder is there, moved away or not', async () => {
		const { seen, looksMore } = watching(() => false);
		await looksMore();
		renameSync(folder, `${folder}-away`);
		await looksMore();
		expect(seen.orphaned).toBe(0);
	});

	it('ends once its folder was deleted, and not before a manager would have noticed', async () => {
		const { seen } = watching(() => false);
		rmSync(folder, { recursive: true });
		await expect.poll(() => seen.orphaned, { timeout: 30_000 }).toBe(1);
		expect(seen.ms).toBeGreaterThan(10);
	});

	it('leaves it to the manager that is there', async () => {
		const { seen, looksMore } = watching(() => true);
		rmSync(folder, { recursive: true });
		await looksMore();
		expect(seen.orphaned).toBe(0);
	});
});
