import { describe, expect, it } from 'vitest';
import { classifyGitFailure, readableStderr, redactGit } from './git-error.ts';

describe('classifyGitFailure', () => {
	it.each([
		[
			"fatal: could not read Username for 'https://github.com': terminal prompts disabled",
			'repo_auth_required'
		],
		[
			"remote: Invalid username or token.\nfatal: Authentication failed for 'https://github.com/o/r/'",
			'repo_auth_required'
		],
		[
			'git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.',
			'repo_auth_required'
		],
		[
			"fatal: unable to access 'https://h/': The requested URL returned error: 403",
			'repo_auth_required'
		],
		[
			"remote: Repository not found.\nfatal: repository 'https://github.com/o/r/' not found",
			'repo_missing_remote'
		],
		[
			'ERROR: Repository not found.\nfatal: Could not read from remote repository.',
			'repo_missing_remote'
		],
		["fatal: '/srv/x' does not appear to be a git repository", 'repo_missing_remote'],
		["fatal: unable to access 'https://h/': Could not resolve host: h", 'repo_unreachable'],
		[
			"fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
			'repo_unreachable'
		],
		[
			'Host key verification failed.\nfatal: Could not read from remote repository.',
			'repo_unreachable'
		],
		['fatal: write error: No space left on device', 'disk_full'],
		['fatal: something else', 'git_failed'],
		['', 'git_failed']
	])('%j is %s', (stderr, code) => {
		expect(classifyGitFailure(stderr, 'fetch', true).code).toBe(code);
		const local = classifyGitFailure(stderr, 'count', false).code;
		expect(local).toBe(code === 'disk_full' ? 'disk_full' : 'git_failed');
	});
});

describe('readableStderr', () => {
	it('leaves out progress and controls, and is never long', () => {
		const text = readableStderr(
			`Receiving objects: 10%\rremote: Counting objects: 5\nremote: \u001b[31mred\u001b]0;t\u0007\nfatal: no\n${'x'.repeat(9000)}`
		);
		expect(text).toMatch(/^remote: red fatal: no x+…$/);
		expect(text.length).toBe(500);
	});
});

describe('redactGit', () => {
	it.each([
		"fatal: unable to access 'https://x:S3CRET@github.com/o/r'",
		'https://S3CRET@github.com/o/r',
		'Authorization: Basic S3CRET',
		'authorization: S3CRET',
		'token ghp_S3CRET and github_pat_11S3CRET'
	])('hides what is secret in %j', (text) => {
		expect(redactGit(text)).not.toContain('S3CRET');
	});
});
