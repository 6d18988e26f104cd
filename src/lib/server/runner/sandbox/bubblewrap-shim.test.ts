import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentBootId, parseStat } from '#lib/server/process-stat.ts';
import { liveInit, liveShim, readExit } from './bubblewrap-shim.ts';

describe('parseStat', () => {
	it('reads a name with spaces and brackets', () => {
		const rest = Array.from({ length: 20 }, (_, index) => index + 5).join(' ');
		expect(parseStat(`12 (a ) b) S 7 ${rest}`)).toEqual({
			...{ pid: 12, parent: 7, startTime: '22', zombie: false, stopped: false }
		});
		expect(parseStat(`12 (x) Z 7 ${rest}`)?.zombie).toBe(true);
		expect(parseStat(`12 (x) T 7 ${rest}`)?.stopped).toBe(true);
	});

	it.each(['', 'x', '12 (x) S 7 1 2', '0 (x) S 7'])('takes %j for nothing', (line) => {
		expect(parseStat(line)).toBeNull();
	});
});

describe.skipIf(process.platform !== 'linux')('records of a sandbox', () => {
	let folder = '';

	beforeEach(async () => {
		folder = await mkdtemp(join(tmpdir(), 'am-shim-'));
		const record = { instance: 'i', session: 's', epoch: 1, bootId: currentBootId() };
		const rest = { groups: [], limited: false, notes: [] };
		await writeFile(join(folder, 'sandbox.json'), JSON.stringify({ ...record, ...rest }));
	});

	afterEach(() => rm(folder, { recursive: true, force: true }));

	it('know this very process, and no other with its pid', async () => {
		const own = readFileSync('/proc/self/stat', 'utf8');
		await writeFile(join(folder, 'shim'), own);
		expect(liveShim(folder, currentBootId())).toBe(process.pid);
		expect(readExit(folder, currentBootId())).toBeNull();
		const startTime = parseStat(own)?.startTime ?? '';
		await writeFile(join(folder, 'shim'), own.replace(` ${startTime} `, ' 1 '));
		expect(liveShim(folder, currentBootId())).toBeNull();
		expect(readExit(folder, currentBootId())).toEqual({ cause: 'lost', exitCode: null });
	});

	it('do not take just any process for the first of a sandbox', async () => {
		await writeFile(join(folder, 'shim'), readFileSync('/proc/self/stat', 'utf8'));
		await writeFile(join(folder, 'info'), '{ "child-pid": 1 }');
		expect(liveInit(folder, currentBootId())).toBeNull();
	});

	it.each([
		['0 0', { cause: 'exited', exitCode: 0 }],
		['3 0', { cause: 'exited', exitCode: 3 }],
		['0 2', { cause: 'exited', exitCode: 0 }],
		['137 1', { cause: 'oom', exitCode: 137 }],
		['137 0', { cause: 'killed', exitCode: 137 }],
		['255 0', { cause: 'exited', exitCode: 255 }],
		['201 0', { cause: 'runner', exitCode: 137 }],
		['201 1', { cause: 'oom', exitCode: 137 }],
		['garbage', { cause: 'host', exitCode: null }]
	])('tell an end of %j', async (text, exit) => {
		await writeFile(join(folder, 'exit'), `${text}\n`);
		expect(readExit(folder, 'another boot')).toEqual(exit);
	});

	it('blame no lack of memory that is long over', async () => {
		await writeFile(join(folder, 'exit'), '137 2\n');
		expect(readExit(folder, currentBootId(), 2)).toEqual({ cause: 'killed', exitCode: 137 });
		expect(readExit(folder, currentBootId(), 1)).toEqual({ cause: 'oom', exitCode: 137 });
	});

	it('tell that the folder was removed', async () => {
		await rm(folder, { recursive: true });
		expect(readExit(folder, currentBootId())).toEqual({ cause: 'removed', exitCode: null });
	});
});
