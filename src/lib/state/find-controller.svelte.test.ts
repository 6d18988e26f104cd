import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SearchAnswer, SearchHit } from '@agent-manager/protocol/transcript-places.ts';
import { ok } from '#lib/domain/result.ts';
import { FindController } from './find-controller.svelte.ts';

const hit = (seq: number): SearchHit => ({
	seq,
	ts: '2026-11-23T06:00:00.000Z',
	kind: 'text',
	excerpt: 'x',
	from: 0,
	to: 1
});

let asked: URL[];
let answers: SearchAnswer[];
const ask = (path: string) => {
	asked.push(new URL(path, 'http://x'));
	return Promise.resolve(ok(answers.shift() ?? { hits: [], searchedTo: 1, head: 9 }));
};

beforeEach(() => {
	vi.useFakeTimers();
	asked = [];
	answers = [];
});
afterEach(() => vi.useRealTimers());

const typed = async (...texts: string[]): Promise<FindController> => {
	const find = new FindController('s', ask);
	for (const text of texts) find.type(text);
	await vi.runAllTimersAsync();
	return find;
};

describe('find in session', () => {
	it('asks once for what was typed, piece by piece to the beginning, oldest hit first', async () => {
		answers = [
			{ hits: [hit(8), hit(6)], searchedTo: 5, head: 9 },
			{ hits: [hit(2)], searchedTo: 1, head: 9 }
		];
		const find = await typed('n', 'ne', 'nee & dle');
		expect(asked.map(({ searchParams }) => searchParams.get('q'))).toEqual([
			'nee & dle',
			'nee & dle'
		]);
		expect(asked[1]?.searchParams.get('before')).toBe('5');
		expect(find.hits.map(({ seq }) => seq)).toEqual([2, 6, 8]);
		expect(find.searching).toBe(false);
	});

	it('steps from the newest up, and round', async () => {
		answers = [{ hits: [hit(8), hit(6)], searchedTo: 1, head: 9 }];
		const find = await typed('x');
		expect([find.step(-1), find.step(-1), find.step(-1), find.step(1)]).toEqual([
			hit(8),
			hit(6),
			hit(8),
			hit(6)
		]);
	});

	it('stops at more hits than anybody steps through, and says so', async () => {
		const many = Array.from({ length: 500 }, (_, at) => hit(5_000 - at));
		answers = [1, 2, 3].map((n) => ({ hits: many, searchedTo: 9_000 - n, head: 9_999 }));
		const find = await typed('x');
		expect(asked).toHaveLength(2);
		expect(find.capped).toBe(true);
	});

	it('forgets an answer to what is not looked for any more', async () => {
		const find = new FindController(
			's',
			(path) =>
				new Promise((resolve) => {
					asked.push(new URL(path, 'http://x'));
					setTimeout(() => resolve(ok({ hits: [hit(asked.length)], searchedTo: 1, head: 9 })), 500);
				})
		);
		find.type('old');
		await vi.advanceTimersByTimeAsync(200);
		find.type('new');
		await vi.runAllTimersAsync();
		expect(find.hits).toEqual([hit(2)]);
	});
});
