import { describe, expect, it } from 'vitest';
import { EventTail } from './event-tail.ts';

const entries = (from: number, to: number, json = '{}') =>
	Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index, json }));
const seqs = (tail: EventTail, after: number, limit = 10_000) =>
	tail.readAfter(after, limit)?.map(({ seq }) => seq) ?? null;

describe('EventTail', () => {
	it('reads on from any event it holds, and says when it does not reach back', () => {
		const tail = new EventTail();
		expect(seqs(tail, 0)).toBeNull();
		tail.push(entries(11, 20));
		expect(seqs(tail, 10)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
		expect(seqs(tail, 15, 2)).toEqual([16, 17]);
		expect(seqs(tail, 20)).toEqual([]);
		expect(seqs(tail, 9)).toBeNull();
	});

	it('is bounded by count and by length, and always holds the newest', () => {
		const tail = new EventTail();
		for (let at = 1; at <= 5_000; at += 10) tail.push(entries(at, at + 9));
		expect(seqs(tail, 4_000)).toHaveLength(1_000);
		expect(seqs(tail, 3_999)).toBeNull();
		tail.push(entries(5_001, 5_001, 'x'.repeat(3_000_000)));
		expect(seqs(tail, 5_000)).toEqual([5_001]);
		expect(seqs(tail, 4_999)).toBeNull();
		tail.push(entries(5_002, 5_003));
		expect(seqs(tail, 5_001)).toEqual([5_002, 5_003]);
	});

	it('holds nothing once it was cleared, and begins anew with what comes', () => {
		const tail = new EventTail();
		tail.push(entries(1, 5));
		tail.clear();
		expect(seqs(tail, 3)).toBeNull();
		tail.push(entries(9, 10));
		expect(seqs(tail, 8)).toEqual([9, 10]);
		expect(seqs(tail, 5)).toBeNull();
	});
});
