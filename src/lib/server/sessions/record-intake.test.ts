import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { RecordIntake } from './record-intake.ts';
import type { IngestResult } from './session-log.ts';

const records = (from: number, to: number): OutboxRecord[] =>
	Array.from({ length: to - from + 1 }, (_, index) => ({
		n: from + index,
		ts: '2026-01-02T03:04:05.000Z',
		source: 'claude',
		type: 'claude.user',
		payload: {}
	}));
const flush = () => new Promise((resolve) => setImmediate(resolve));

const makeIntake = (ingest: (batch: readonly OutboxRecord[]) => Promise<IngestResult>) => {
	const said: string[] = [];
	const intake = new RecordIntake({
		ingest,
		isOver: () => false,
		onCommitted: (n) => said.push(`ack ${n}`),
		onHole: (n) => said.push(`nack ${n}`),
		onFenced: () => said.push('fenced'),
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
		intake.push({ records: records(1, 1), length: 10 });
		for (let at = 2; at <= 1_201; at += 100) {
			intake.push({ records: records(at, at + 99), length: 1_000 });
		}
		for (let i = 0; i < 20; i++) await flush();
		expect(said.filter((word) => word.startsWith('ack')).at(-1)).toBe('ack 1201');
		expect(Math.max(...batches)).toBeLessThanOrEqual(500);
		expect(batches.length).toBeLessThan(6);
	});

	it('tries again until the database is back', async () => {
		let failures = 3;
		const { intake, said } = makeIntake((batch) =>
			failures-- > 0
				? Promise.reject(new Error('away'))
				: Promise.resolve({ ackedN: batch.at(-1)?.n ?? 0 })
		);
		intake.push({ records: records(1, 5), length: 10 });
		for (let i = 0; i < 10; i++) await flush();
		expect(said.filter((word) => word !== 'resume')).toEqual(['ack 5']);
	});

	it('drops what follows a hole, and goes on with what is sent again', async () => {
		const { intake, said } = makeIntake((batch) =>
			Promise.resolve(batch[0]?.n === 1 ? { ackedN: 9 } : { expectedN: 1 })
		);
		intake.push({ records: records(5, 5), length: 10 });
		intake.push({ records: records(6, 6), length: 10 });
		await flush();
		intake.push({ records: records(1, 9), length: 10 });
		for (let i = 0; i < 5; i++) await flush();
		expect(said.filter((word) => word !== 'resume')[0]).toBe('nack 1');
		expect(said.filter((word) => word !== 'resume').at(-1)).toBe('ack 9');
	});

	it('reads no more while too much waits, by count and by length', async () => {
		for (const frame of [
			{ records: records(1, 2_500), length: 10 },
			{ records: records(1, 1), length: 20_000_000 }
		]) {
			let commit: () => void = () => undefined;
			const held = new Promise<void>((resolve) => (commit = resolve));
			const { intake, said } = makeIntake(async (batch) => {
				await held;
				return { ackedN: batch.at(-1)?.n ?? 0 };
			});
			intake.push(frame);
			await flush();
			expect(said).toEqual(['pause']);
			commit();
			for (let i = 0; i < 20; i++) await flush();
			expect(said.at(-1)).toBe('resume');
		}
	});
});
