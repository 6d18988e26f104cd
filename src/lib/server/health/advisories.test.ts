import { describe, expect, it } from 'vitest';
import {
	DESKTOP_ADVISORIES,
	ENGINE_ADVISORIES,
	GIT_ADVISORIES,
	isAtLeast,
	openAdvisories,
	parseVersion,
	RUNC_ADVISORIES,
	type Advisory
} from './advisories.ts';

const names = (version: string, advisories: readonly Advisory[], backported: string[] = []) =>
	openAdvisories(version, advisories, new Set(backported)).flatMap(({ cves }) => cves);

const RUNC_2025 = ['CVE-2025-31133', 'CVE-2025-52565', 'CVE-2025-52881'];

describe('openAdvisories', () => {
	it.each([
		['git', '2.39.2', GIT_ADVISORIES, ['CVE-2025-48384', 'CVE-2024-32002']],
		['git', '2.39.4', GIT_ADVISORIES, ['CVE-2025-48384']],
		['git', '2.43.6', GIT_ADVISORIES, ['CVE-2025-48384']],
		['git', '2.43.7', GIT_ADVISORIES, []],
		['git', '2.50.0', GIT_ADVISORIES, ['CVE-2025-48384']],
		['git', '2.50.1', GIT_ADVISORIES, []],
		['git', '2.51.0', GIT_ADVISORIES, []],
		['git', '3.0.0', GIT_ADVISORIES, []],
		['git', '2.49.1 (Apple Git-155)', GIT_ADVISORIES, []],
		['runc', '1.1.11', RUNC_ADVISORIES, [...RUNC_2025, 'CVE-2024-21626']],
		['runc', '1.1.12', RUNC_ADVISORIES, RUNC_2025],
		['runc', '1.2.8', RUNC_ADVISORIES, []],
		['runc', '1.3.2', RUNC_ADVISORIES, RUNC_2025],
		['runc', '1.4.0', RUNC_ADVISORIES, []],
		['engine', '20.10.24', ENGINE_ADVISORIES, ['CVE-2024-41110']],
		['engine', '28.2.2', ENGINE_ADVISORIES, []],
		['desktop', '4.43.0', DESKTOP_ADVISORIES, ['CVE-2025-9074']],
		['desktop', '4.44.3', DESKTOP_ADVISORIES, []]
	])('%s %s', (_program, version, advisories, open) => {
		expect(names(version, advisories)).toEqual(open);
	});

	it('counts a backport only when it closes all of an advisory', () => {
		expect(names('1.1.12', RUNC_ADVISORIES, RUNC_2025.slice(0, 2))).toEqual(RUNC_2025);
		expect(names('1.1.12', RUNC_ADVISORIES, RUNC_2025)).toEqual([]);
	});
});

describe('versions', () => {
	it.each([
		['git version 2.39.5', [2, 39, 5]],
		['runc version 1.1.5+ds1', [1, 1, 5]],
		['20.10', [20, 10, 0]],
		['none', null]
	])('%s', (text, version) => {
		expect(parseVersion(text)).toEqual(version);
	});

	it.each([
		['20.19.0', '20.19', true],
		['20.18.9', '20.19', false],
		['24.0.0', '20.19', true],
		['v8', '20.19', false]
	])('%s is at least %s: %s', (version, floor, holds) => {
		expect(isAtLeast(version, floor)).toBe(holds);
	});
});
