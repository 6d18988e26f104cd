import { describe, expect, it } from 'vitest';
import { fittingPaths, indexPaths } from './fuzzy-path.ts';

const paths = [
	'README.md',
	'src/lib/state/outbox.svelte.ts',
	'src/lib/server/sessions/outbox-drain.ts',
	'packages/runner/src/outbox.ts',
	'docs/out/box.md',
	'src/boxes/other.ts'
];
const fit = (typed: string, most = 10): string[] => fittingPaths(indexPaths(paths), typed, most);

describe('fitting paths', () => {
	it('puts names that begin so first, then those that have it, shorter paths before longer', () => {
		expect(fit('outbox')).toEqual([
			'packages/runner/src/outbox.ts',
			'src/lib/state/outbox.svelte.ts',
			'src/lib/server/sessions/outbox-drain.ts',
			'docs/out/box.md'
		]);
		expect(fit('drain')[0]).toBe('src/lib/server/sessions/outbox-drain.ts');
		expect(fit('READ')).toEqual(['README.md']);
	});

	it('finds folders and scattered letters, and nothing that lacks one', () => {
		expect(fit('boxes/')).toEqual(['src/boxes/other.ts']);
		expect(fit('slsod')[0]).toBe('src/lib/server/sessions/outbox-drain.ts');
		expect(fit('zzz')).toEqual([]);
	});

	it('shows the first ones while nothing is typed, and never more than asked for', () => {
		expect(fit('', 2)).toEqual(paths.slice(0, 2));
		expect(fit('o', 3)).toHaveLength(3);
	});

	it('costs 50,000 paths about what it costs to read them', () => {
		const many = Array.from(
			{ length: 50_000 },
			(_, at) => `src/part-${at % 97}/deep/file-${at}.ts`
		);
		const index = indexPaths(many);
		const median = (work: () => void): number => {
			const times = Array.from({ length: 9 }, () => {
				const began = performance.now();
				work();
				return performance.now() - began;
			}).sort((a, b) => a - b);
			return times[4] ?? 0;
		};
		const read = median(() => indexPaths(many));
		const found = median(() => fittingPaths(index, 'file4999', 8));
		expect(fittingPaths(index, 'file-49999', 8)).toEqual(['src/part-44/deep/file-49999.ts']);
		expect(found).toBeLessThan(read * 10 + 5);
	});
});
