import { describe, expect, it } from 'vitest';
import {
	addSummaries,
	emptySummary,
	readPlaywright,
	readVitest,
	summaryLines
} from './test-summary.mjs';

const vitestFile = (
	/** @type {string[]} */ statuses,
	status = 'passed',
	title = (/** @type {number} */ index) => `test ${index}`
) => ({
	name: 'a.test.ts',
	status,
	message: '',
	startTime: 1_000,
	endTime: 3_500,
	assertionResults: statuses.map((each, index) => ({ status: each, fullName: title(index) }))
});

describe('Vitest', () => {
	it('counts each status, and takes the reason from the note', () => {
		const report = { testResults: [vitestFile(['passed', 'failed', 'skipped', 'pending'])] };
		expect(readVitest(report, { skipped: { 'test 2': 'no engine' } }, 1)).toEqual({
			passed: 1,
			failed: [{ name: 'test 1', why: '' }],
			skipped: [
				{ name: 'test 2', reason: 'no engine' },
				{ name: 'test 3', reason: 'no reason given' }
			],
			flaky: [],
			files: [{ name: 'a.test.ts', seconds: 2.5 }]
		});
	});

	it('names what passed only when tried once more', () => {
		const report = { testResults: [vitestFile(['passed'])] };
		const summary = readVitest(report, { flaky: { 'test 0': 'expected 1' } }, 0);
		expect(summary).toMatchObject({
			passed: 1,
			failed: [],
			flaky: [{ name: 'test 0', why: 'expected 1' }]
		});
	});

	it.each([
		['docker (skipped: needs root (uid 0)) starts', 'needs root (uid 0)'],
		['copies from a closed folder (root can: skipped)', 'root can']
	])('takes the reason from the title: %s', (title, reason) => {
		const report = { testResults: [vitestFile(['skipped'], 'passed', () => title)] };
		expect(readVitest(report, {}, 0).skipped[0]?.reason).toBe(reason);
	});

	it('counts a file that could not be loaded as failed', () => {
		expect(readVitest({ testResults: [vitestFile([], 'failed')] }, {}, 1).failed).toHaveLength(1);
	});

	it('counts a failed set-up as failed, though its tests are only skipped', () => {
		const report = { testResults: [vitestFile(['skipped'], 'failed')] };
		expect(readVitest(report, {}, 1).failed).toEqual([
			{ name: 'a.test.ts', why: 'its set-up failed' }
		]);
	});

	it('counts a run without a report, or with an error outside of tests, as failed', () => {
		expect(readVitest(null, {}, 1).failed).toHaveLength(1);
		expect(readVitest({ testResults: [vitestFile(['passed'])] }, {}, 1).failed).toHaveLength(1);
	});
});

describe('Playwright', () => {
	const spec = (
		/** @type {string} */ title,
		/** @type {string} */ status,
		annotations = /** @type {unknown[]} */ ([])
	) => ({
		title,
		tests: [{ status, annotations }]
	});

	it('counts through nested suites', () => {
		const skip = [{ type: 'skip', description: 'no Docker' }];
		const report = {
			suites: [
				{
					title: 'a.e2e.ts',
					specs: [spec('one', 'expected')],
					suites: [
						{ title: 'inner', specs: [spec('two', 'unexpected'), spec('three', 'skipped', skip)] }
					]
				}
			]
		};
		expect(readPlaywright(report, 1)).toEqual({
			passed: 1,
			failed: [{ name: 'a.e2e.ts > inner > two', why: '' }],
			skipped: [{ name: 'a.e2e.ts > inner > three', reason: 'no Docker' }],
			flaky: [],
			files: []
		});
	});

	it('names what passed only when tried once more', () => {
		const tests = [{ status: 'flaky', results: [{ errors: [{ message: 'no' }] }, { errors: [] }] }];
		const report = { suites: [{ title: 'a', specs: [{ title: 'one', tests }] }] };
		expect(readPlaywright(report, 0)).toMatchObject({
			passed: 1,
			failed: [],
			flaky: [{ name: 'a > one', why: 'no' }]
		});
	});

	it('takes a file from its first test to the end of its last try', () => {
		const ran = (/** @type {string} */ startTime, /** @type {number} */ duration) => ({
			title: startTime,
			tests: [{ status: 'expected', results: [{ startTime, duration, errors: [] }] }]
		});
		const report = {
			config: { rootDir: process.cwd() + '/tests/e2e' },
			suites: [
				{
					title: 'a.e2e.ts',
					file: 'a.e2e.ts',
					specs: [ran('2026-01-01T00:00:10.000Z', 1_000)],
					suites: [{ title: 'inner', specs: [ran('2026-01-01T00:01:00.000Z', 2_000)] }]
				},
				{ title: 'none.e2e.ts', file: 'none.e2e.ts', specs: [spec('one', 'skipped')] }
			]
		};
		expect(readPlaywright(report, 0).files).toEqual([{ name: 'tests/e2e/a.e2e.ts', seconds: 52 }]);
	});

	it('counts errors outside of tests as failed', () => {
		const report = { errors: [{ message: 'no' }] };
		expect(readPlaywright(report, 1).failed).toEqual([{ name: 'playwright', why: 'no' }]);
		expect(readPlaywright(null, 1).failed).toHaveLength(1);
	});

	it('says the first lines of why, without colours', () => {
		const message = ['\u001B[31mexpected 1\u001B[39m', ...Array(40).fill('at a')].join('\n');
		const failed = {
			...spec('one', 'unexpected'),
			tests: [{ status: 'unexpected', results: [{ errors: [{ message }] }] }]
		};
		const {
			failed: [one]
		} = readPlaywright({ suites: [{ title: 'a', specs: [failed] }] }, 1);
		expect(one?.why.split('\n')).toEqual(['expected 1', ...Array(11).fill('at a')]);
	});
});

describe('the closing line', () => {
	it('stands alone, after the reasons', () => {
		const one = {
			passed: 2,
			failed: [{ name: 'x', why: 'no\nway' }],
			skipped: [{ name: 'y', reason: 'no engine' }],
			flaky: [{ name: 'z', why: 'late' }],
			files: []
		};
		const two = { ...emptySummary(), passed: 1 };
		const lines = summaryLines(addSummaries([one, two]));
		expect(lines).toEqual([
			'Skipped 1: no engine',
			'  - y',
			'Passed only when tried once more:',
			'  - z',
			'      late',
			'Failed:',
			'  - x',
			'      no',
			'      way',
			'3 passed, 1 failed, 1 skipped'
		]);
	});

	it('comes after the ten slowest files, the slowest first', () => {
		const files = Array.from({ length: 12 }, (_, index) => ({
			name: `${index}.test.ts`,
			seconds: index * 10 + 0.4
		}));
		const halves = [files.slice(0, 6), files.slice(6)].map((some) => ({
			...emptySummary(),
			files: some
		}));
		const lines = summaryLines(addSummaries(halves));
		expect(lines).toHaveLength(12);
		expect(lines.slice(0, 3)).toEqual([
			'Slowest files:',
			'   110 s  11.test.ts',
			'   100 s  10.test.ts'
		]);
		expect(lines.at(-2)).toBe('    20 s  2.test.ts');
		expect(lines.at(-1)).toBe('0 passed, 0 failed, 0 skipped');
	});
});
