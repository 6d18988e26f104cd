import {
	appendFileSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox, type OutboxDeps } from './outbox.ts';
import { openSegmentFile, type OpenSegmentFile } from './outbox-storage.ts';

let folder = '';
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'outbox-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const deps = (changes: Partial<OutboxDeps> = {}): OutboxDeps => ({
	log: () => undefined,
	now: () => new Date('2026-11-23T08:30:00Z'),
	delay: () => new Promise((resolve) => setImmediate(resolve)),
	...changes
});

const appendMany = async (outbox: Outbox, count: number, size = 10): Promise<void> => {
	for (let index = 0; index < count; index += 1) {
		outbox.append('claude', 'claude.user', { text: 'x'.repeat(size) });
	}
	await outbox.whenDurable(outbox.lastN);
};

/** All records from `fromN` on, as the sender would read them back. */
const readAll = async (outbox: Outbox, fromN: number): Promise<number[]> => {
	const numbers: number[] = [];
	for (;;) {
		const entries = await outbox.read(fromN + numbers.length, 7, 1_000_000);
		if (entries.length === 0) return numbers;
		for (const entry of entries) {
			expect((JSON.parse(entry.json.toString()) as { n: number }).n).toBe(entry.n);
			numbers.push(entry.n);
		}
	}
};

const range = (from: number, to: number): number[] =>
	Array.from({ length: to - from + 1 }, (_, index) => from + index);

const segments = (): string[] =>
	readdirSync(folder)
		.filter((name) => name.endsWith('.log'))
		.sort();

describe('outbox', () => {
	it('writes what is appended in one tick with one sync', async () => {
		let syncs = 0;
		const openFile: OpenSegmentFile = async (path) => {
			const file = await openSegmentFile(path);
			return { ...file, datasync: () => ((syncs += 1), file.datasync()) };
		};
		const outbox = await Outbox.open(folder, deps({ openFile }));
		await appendMany(outbox, 500);
		expect(syncs).toBe(1);
		expect(outbox.recent(1, 1000, 1_000_000)?.map((it) => it.n)).toEqual(range(1, 500));
		await outbox.close();
	});

	it('lets a record that is not urgent wait for company, also behind a write', async () => {
		let syncs = 0;
		let writes: () => void = () => undefined;
		const writing = new Promise<void>((resolve) => (writes = resolve));
		let release: () => void = () => undefined;
		const released = new Promise<void>((resolve) => (release = resolve));
		const openFile: OpenSegmentFile = async (path) => {
			const file = await openSegmentFile(path);
			const datasync = async (): Promise<void> => {
				syncs += 1;
				writes();
				await released;
				await file.datasync();
			};
			return { ...file, datasync };
		};
		const outbox = await Outbox.open(folder, deps({ openFile }));
		outbox.append('claude', 'claude.assistant', {});
		await writing;
		outbox.append('claude', 'claude.tool_progress', {}, false);
		release();
		await outbox.whenDurable(1);
		outbox.append('claude', 'claude.assistant', {});
		await outbox.whenDurable(3);
		expect(syncs).toBe(2);
		outbox.append('claude', 'claude.tool_progress', {}, false);
		await outbox.close();
		expect([outbox.durableN, syncs]).toEqual([4, 3]);
	});

	it('goes on with the numbers after a restart, and gives the unacked tail from the disk', async () => {
		const first = await Outbox.open(folder, deps({ limits: { segmentBytes: 2000 } }));
		await appendMany(first, 40);
		await appendMany(first, 40);
		first.ack(25);
		await first.close();
		const second = await Outbox.open(folder, deps({ limits: { segmentBytes: 2000 } }));
		expect([second.lastN, second.durableN, second.ackedN]).toEqual([80, 80, 25]);
		expect(second.recent(26, 10, 1000)).toBeNull();
		await appendMany(second, 20);
		expect(await readAll(second, 26)).toEqual(range(26, 100));
		expect(await readAll(second, 77)).toEqual(range(77, 100));
		await second.close();
	});

	it('removes segments that are committed as a whole, never the newest', async () => {
		const outbox = await Outbox.open(folder, deps({ limits: { segmentBytes: 500 } }));
		for (let round = 0; round < 5; round += 1) await appendMany(outbox, 10);
		expect(segments()).toHaveLength(5);
		outbox.ack(30);
		await outbox.close();
		expect(segments()).toEqual(['000000000031.log', '000000000041.log']);
		const again = await Outbox.open(folder, deps());
		again.ack(50);
		await again.close();
		expect(segments()).toEqual(['000000000041.log']);
		const last = await Outbox.open(folder, deps());
		expect(last.lastN).toBe(50);
		await last.close();
	});

	describe('after a crash', () => {
		/** Every way a last write can be torn must leave the records before it, and a place to go on. */
		it('cuts a torn tail off, wherever it is torn', async () => {
			const whole = await Outbox.open(folder, deps());
			await appendMany(whole, 3);
			await whole.close();
			const [name = ''] = segments();
			const sound = readFileSync(join(folder, name));
			const third = sound.length / 3;
			for (let cut = Math.ceil(2 * third); cut < sound.length; cut += 5) {
				writeFileSync(join(folder, name), sound.subarray(0, cut));
				const outbox = await Outbox.open(folder, deps());
				expect(outbox.lastN).toBe(2);
				await appendMany(outbox, 1);
				expect(await readAll(outbox, 1)).toEqual([1, 2, 3]);
				await outbox.close();
			}
		});

		it('cuts garbage off that follows the last record', async () => {
			const whole = await Outbox.open(folder, deps());
			await appendMany(whole, 3);
			await whole.close();
			appendFileSync(join(folder, segments()[0] ?? ''), Buffer.alloc(5000, 0xff));
			const outbox = await Outbox.open(folder, deps());
			await appendMany(outbox, 2);
			expect(await readAll(outbox, 1)).toEqual(range(1, 5));
			await outbox.close();
		});

		it('never gives a number twice when committed records are gone from the disk', async () => {
			const whole = await Outbox.open(folder, deps());
			await appendMany(whole, 9);
			whole.ack(9);
			await whole.close();
			truncateSync(join(folder, segments()[0] ?? ''), 0);
			const outbox = await Outbox.open(folder, deps());
			expect(outbox.append('runner', 'runner.turn_started', {})).toBe(10);
			await outbox.close();
		});

		it('puts a stand-in for each record that the disk lost, so that later ones get through', async () => {
			const whole = await Outbox.open(folder, deps({ limits: { segmentBytes: 300 } }));
			for (let round = 0; round < 3; round += 1) await appendMany(whole, 5);
			await whole.close();
			truncateSync(join(folder, segments()[0] ?? ''), 250);
			const outbox = await Outbox.open(folder, deps());
			const entries = await outbox.read(1, 100, 1_000_000);
			const types = entries.map((it) => (JSON.parse(it.json.toString()) as { type: string }).type);
			expect(entries.map((it) => it.n)).toEqual(range(1, 15));
			expect(types.slice(0, 5)).toContain('runner.record_lost');
			expect(types.slice(5)).not.toContain('runner.record_lost');
			await outbox.close();
		});
	});

	describe('when there is no room', () => {
		it('says so by count, and again when commits made room', async () => {
			const outbox = await Outbox.open(folder, deps({ limits: { maxUnackedRecords: 10 } }));
			await appendMany(outbox, 10);
			expect(outbox.room()).toBeNull();
			await appendMany(outbox, 1);
			const room = outbox.room();
			expect(room).not.toBeNull();
			outbox.ack(1);
			await room;
			expect(outbox.room()).toBeNull();
			await outbox.close();
		});

		it('says so by bytes', async () => {
			const outbox = await Outbox.open(folder, deps({ limits: { maxUnackedBytes: 5000 } }));
			await appendMany(outbox, 3, 2000);
			const room = outbox.room();
			expect(room).not.toBeNull();
			outbox.ack(3);
			await room;
			await outbox.close();
		});

		it('waits for a full disk, and loses nothing of a write that was cut short', async () => {
			let free = 150;
			const logged: string[] = [];
			const openFile: OpenSegmentFile = async (path) => {
				const file = await openSegmentFile(path);
				return {
					...file,
					write: async (bytes, position) => {
						if (free <= 0)
							throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
						const written = await file.write(bytes.subarray(0, free), position);
						free -= written;
						return written;
					}
				};
			};
			const outbox = await Outbox.open(
				folder,
				deps({
					openFile,
					log: (_level, message) => logged.push(message),
					delay: async () => {
						if (logged.length === 3) free = 1_000_000;
						await new Promise((resolve) => setImmediate(resolve));
					}
				})
			);
			await appendMany(outbox, 5);
			expect(logged).toHaveLength(3);
			expect(await readAll(outbox, 1)).toEqual(range(1, 5));
			await outbox.close();
			const again = await Outbox.open(folder, deps());
			expect(await readAll(again, 1)).toEqual(range(1, 5));
			await again.close();
		});
	});

	it('goes on after what the manager has when the folder was set back', async () => {
		const outbox = await Outbox.open(folder, deps());
		await appendMany(outbox, 2);
		await outbox.restartAfter(100);
		await outbox.whenDurable(102);
		expect(await readAll(outbox, 101)).toEqual([101, 102]);
		await outbox.close();
		const again = await Outbox.open(folder, deps());
		expect([again.lastN, again.ackedN]).toEqual([102, 100]);
		await again.close();
	});

	it('keeps a message that is nested too deeply to be written, less what is too deep', async () => {
		let deep: unknown = 1;
		for (let level = 0; level < 200_000; level += 1) deep = [deep];
		const outbox = await Outbox.open(folder, deps());
		outbox.append('claude', 'claude.user', { type: 'user', deep });
		await outbox.whenDurable(1);
		const [entry] = await outbox.read(1, 1, 1000);
		const record = JSON.parse(entry?.json.toString() ?? '') as { payload: unknown };
		expect(record.payload).toEqual({ type: 'user', deep: '[nested too deeply]' });
		await outbox.close();
	});
});
