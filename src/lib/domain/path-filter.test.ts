import { describe, expect, it } from 'vitest';
import { filterByPath } from './path-filter.ts';

const files = [
	{ path: 'docs/API.md', oldPath: null },
	{ path: 'src/api/routes.ts', oldPath: null },
	{ path: 'src/new name.ts', oldPath: 'src/api/old.ts' },
	{ path: 'tests/routes.test.ts', oldPath: null }
];
const fit = (typed: string): string[] => filterByPath(files, typed).map(({ path }) => path);

describe('files by what is typed', () => {
	it('has every word in the path, in any order and case', () => {
		expect(fit('routes')).toEqual(['src/api/routes.ts', 'tests/routes.test.ts']);
		expect(fit('ROUTES src')).toEqual(['src/api/routes.ts']);
		expect(fit('src routes test')).toEqual([]);
	});

	it('finds a moved file by the name that it had', () => {
		expect(fit('api')).toEqual(['docs/API.md', 'src/api/routes.ts', 'src/new name.ts']);
	});

	it('is the same list, and the same object, while nothing is typed', () => {
		expect(filterByPath(files, '  ')).toBe(files);
	});
});
