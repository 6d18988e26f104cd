import { describe, expect, it } from 'vitest';
import { branchNamesClash, checkBranchSuffix, isBranchName, slugBranch } from './branch-name.ts';

const REFUSED = [
	'',
	'--upload-pack=x',
	'-f',
	'a/-f',
	'+HEAD:refs/heads/main',
	':main',
	'HEAD',
	'a/head',
	'@',
	'@{-1}',
	'refs/heads/main',
	'a..b',
	'a b',
	'a~1',
	'a^',
	'.lock',
	'a.lock',
	'a/b.lock/c',
	'../../x',
	'/a',
	'a/',
	'a//b',
	'.a',
	'a/.b',
	'a.',
	'$(touch marker)',
	'`id`',
	'a\nb',
	'a\u0000b',
	'a\\b',
	'a*b',
	'a;b',
	'a|b',
	'a\u202eb',
	'\ud800',
	'x'.repeat(1000),
	'ü'.repeat(120)
];

describe('checkBranchSuffix', () => {
	it.each(REFUSED)('refuses %j', (suffix) => {
		const checked = checkBranchSuffix(suffix);
		expect(checked).toMatchObject({ ok: false, error: { code: 'branch_invalid' } });
	});

	it.each(['fix-login', 'a/b_c.d', 'v1.2', '修复', 'größe', 'A1'])('takes %j', (suffix) => {
		expect(checkBranchSuffix(suffix)).toEqual({ ok: true, value: suffix.normalize('NFC') });
	});

	it('gives the composed form', () => {
		expect(checkBranchSuffix('gru\u0308n')).toEqual({ ok: true, value: 'gr\u00fcn' });
	});
});

describe('isBranchName', () => {
	it.each(['main', 'feature/a#1', 'release-1.0', 'user@host/topic'])('takes %j', (name) => {
		expect(isBranchName(name)).toBe(true);
	});

	it.each(['HEAD', '-x', 'a:b', '+HEAD:refs/heads/main', 'a b', 'x'.repeat(251), ''])(
		'refuses %j',
		(name) => {
			expect(isBranchName(name)).toBe(false);
		}
	);
});

describe('slugBranch', () => {
	it.each([
		['Fix the login form, please!', 'fix-the-login-form-please-3f2a'],
		['   ', 'session-3f2a'],
		['修复', 'session-3f2a'],
		['Größe ändern', 'gro-e-andern-3f2a'],
		[`${'x'.repeat(100)} short`, 'session-3f2a'],
		['--upload-pack=x; $(rm -rf /)', 'upload-pack-x-rm-rf-3f2a'],
		[
			'one two three four five six seven eight nine ten',
			'one-two-three-four-five-six-seven-eight-3f2a'
		]
	])('%j becomes %j', (prompt, slug) => {
		expect(slugBranch(prompt, '3F2A')).toBe(slug);
	});

	it('always gives what checkBranchSuffix takes', () => {
		for (const prompt of [...REFUSED, 'HEAD', 'refs heads', '\u202e', 'a'.repeat(1_000_000)]) {
			expect(checkBranchSuffix(slugBranch(prompt, 'ab12')).ok).toBe(true);
		}
	});
});

describe('branchNamesClash', () => {
	it.each([
		['a', 'a', true],
		['a', 'A', true],
		['a', 'a/b', true],
		['a/b/c', 'a/b', true],
		['a', 'ab', false],
		['a/b', 'a/c', false]
	])('%s and %s: %s', (one, other, clash) => {
		expect(branchNamesClash(one, other)).toBe(clash);
	});
});
