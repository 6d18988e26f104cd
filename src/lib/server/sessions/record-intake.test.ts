import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { RecordIntake } from './record-intake.ts';
import type { IngestResult } from './session-log.ts';

const records = (from: number, to: number, payload = {}): OutboxRecord[] =>
	Array.from({ length: to - from + 1 }, (_, index) => ({
		n: from + index,
		ts: '2026-01-02T03:04:05.000Z',
		source: 'claude',
		type: 'claude.user',
		payload
	}));
const frame = (...args: Parameters<typeof records>): Buffer =>
	Buffer.from(JSON.stringify(records(...args)));
const flush = () => new Promise((resolve) => setImmediate(resolve));

const makeIntake = (ingest: (batch: readonly OutboxRecord[]) => Promise<IngestResult>) => {
	const said: string[] = [];
	const intake = new RecordIntake({
		read: (bytes) => JSON.parse(bytes.toString()) as OutboxRecord[],
		ingest,
		inTurn: (work) => work(),
		isOver: () => false,
		onCommitted: (n) => said.push(`ack ${n}`),
		onHole: (n) => said.push(`nack ${n}`),
		onFenced: () => said.push('fenced'),
		onUnreadable: () => said.push('unreadable'),
		pause: () => said.push('pause'),
		resume: () => said.push('resume'),
		backOff: () => Promise.resolve(),
		logger: pino({ level: 'silent' })
	});
	return { intake, said };
};

describe('RecordIntake', () => {
	it('acknowledges only what is committed, in order, in batches', async () => {
		const batches: number[] = [];
		const { intake, said } = makeIntake(async (batch) => {
			batches.push(batch.length);
			await flush();
			return { ackedN: batch.at(-1)?.n ?? 0 };
		});
		intake.push(frame(1, 1));
		for (let at = 2; at <= 1_201; at += 100) intake.push(frame(at, at + 99));
		for (let i = 0; i < 20; i++) await flush();
		expect(said.filter((word) => word.startsWith('ack')).at(-1)).toBe('ack 1201');
		expect(Math.max(...batches)).toBeLessThanOrEqual(500);
		expect(batches.length).toBeLessThan(6);
	});

	it('writes texts of a bounded length, but never less than a frame', async () => {
		const batches: number[] = [];
		const { intake, said } = makeIntake((batch) => {
			batches.push(batch.length);
			return Promise.resolve({ ackedN: batch.at(-1)?.n ?? 0 });
		});
		const payload = { text: 'x'.repeat(40_000) };
		for (let n = 1; n <= 6; n++) intake.push(frame(n, n, payload));
		intake.push(frame(7, 9, { text: 'x'.repeat(200_000) }));
		for (let i = 0; i < 20; i++) await flush();
		expect(said.at(-2)).toBe('ack 9');
		expect(batches).toEqual([1, 2, 2, 1, 3]);
	});

	it('takes nothing of a frame that it can’t read, nor of what follows', async () => {
		const taken: number[] = [];
		const { intake, said } = makeIntake((batch) => {
			taken.push(...batch.map(({ n }) => n));
			return Promise.resolve({ ackedN: batch.at(-1)?.n ?? 0 });
		});
		intake.push(frame(1, 2));
		intake.push(Buffer.from('{'));
		intake.push(frame(3, 4));
		for (let i = 0; i < 5; i++) await flush();
		expect(taken).toEqual([1, 2]);
		expect(said).toContain('unreadable');
		expect(said).not.toContain('ack 4');
	});

	it('reads a frame when it is its turn to write, and the one behind it meanwhile', async () => {
		const read: number[] = [];
		const turns: (() => void)[] = [];
		let commit: () => void = () => undefined;
		const intake = new RecordIntake({
			read: (bytes) => {
				read.push(bytes.length);
				return records(read.length, read.length, { text: 'x'.repeat(100_000) });
			},
			ingest: (batch) =>
				new Promise((resolve) => (commit = () => resolve({ ackedN: batch.at(-1)?.n ?? 0 }))),
			inTurn: (work) =>
				new Promise((resolve, reject) => turns.push(() => work().then(resolve, reject))),
			isOver: () => false,
			onCommitted: () => undefined,
			onHole: () => undefined,
			onFenced: () => undefined,
			onUnreadable: () => undefined,
			pause: () => undefined,
			resume: () => undefined,
			backOff: () => Promise.resolve(),
			logger: pino({ level: 'silent' })
		});
		for (const length of [100_001, 100_002, 100_003]) intake.push(Buffer.alloc(length));
		await flush();
		expect(read).toEqual([]);
		turns.shift()?.();
		await flush();
		expect(read).toEqual([100_001, 100_002]);
		commit();
		await flush();
		expect(read).toEqual([100_001, 100_002]);
	});

	it('tries again until the database is back', async () => {
		let failures = 3;
		const { intake, said } = makeIntake((batch) =>
			failures-- > 0
				? Promise.reject(new Error('away'))
				: Promise.resolve({ ackedN: batch.at(-1)?.n ?? 0 })
		);
		intake.push(frame(1, 5));
		for (let i = 0; i < 10; i++) await flush();
		expect(said.filter((word) => word !== 'resume')).toEqual(['ack 5']);
	});

	it('drops what follows a hole, and goes on with what is sent again', async () => {
		const { intake, said } = makeIntake((batch) =>
			Promise.resolve(batch[0]?.n === 1 ? { ackedN: 9 } : { expectedN: 1 })
		);
		intake.push(frame(5, 5));
		intake.push(frame(6, 6));
		await flush();
		intake.push(frame(1, 9));
		for (let i = 0; i < 5; i++) await flush();
		expect(said.filter((word) => word !== 'resume')[0]).toBe('nack 1');
		expect(said.filter((word) => word !== 'resume').at(-1)).toBe('ack 9');
	});

	it('reads no more while too much waits', async () => {
		let commit: () => void = () => undefined;
		const held = new Promise<void>((resolve) => (commit = resolve));
		const { intake, said } = makeIntake(async (batch) => {
			await held;
			return { ackedN: batch.at(-1)?.n ?? 0 };
		});
		intake.push(frame(1, 1, { text: 'x'.repeat(900_000) }));
		await flush();
		expect(said).toEqual([]);
		intake.push(frame(2, 2, { text: 'x'.repeat(900_000) }));
		expect(said).toEqual(['pause']);
		commit();
		for (let i = 0; i < 20; i++) await flush();
		expect(said.slice(-2)).toEqual(['ack 2', 'resume']);
	});
});
