import { describe, expect, it } from 'vitest';
import { failed, good, warning } from './check.ts';
import { runChecks } from './doctor.ts';
import { formatReport } from './report-text.ts';

describe('runChecks', () => {
	it('goes on when one throws, keeps the order, and counts it as a failure', async () => {
		const report = await runChecks([
			['first', async () => [good('a', 'x'), good('b', 'y')]],
			['second', () => Promise.reject(new Error('boom'))],
			['third', async () => warning('c', 'z', 'mend it')]
		]);
		expect(report.checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
			'a ok',
			'b ok',
			'second fail',
			'c warn'
		]);
		expect(report.ready).toBe(false);
	});

	it('is ready with warnings', async () => {
		const report = await runChecks([['a', async () => warning('a', 'x', 'y')]]);
		expect(report.ready).toBe(true);
	});
});

describe('formatReport', () => {
	const report = {
		ready: false,
		checks: [
			good('git', '2.50.1'),
			failed('Port', 'taken '.repeat(20).trim(), 'Choose another one.')
		]
	};
	const settings = [{ name: 'port', env: 'PORT', shown: '3000', source: '.env' }];

	it('shows sign, finding and advice within the width, and each setting with its source', () => {
		const text = formatReport(report, settings, { width: 60, color: false });
		expect(text).toContain('✓ git   2.50.1');
		expect(text).toContain('→ Choose another one.');
		expect(text).toMatch(/PORT {2}\.env {2}3000/);
		expect(text).toContain('Sessions cannot run yet');
		expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
		expect(text).not.toContain('\u001b');
	});

	it('colours on a terminal', () => {
		expect(formatReport(report, [], { width: 80, color: true })).toContain('\u001b[31m✗');
	});
});
