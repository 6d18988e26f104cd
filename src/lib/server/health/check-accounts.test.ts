import { describe, expect, it } from 'vitest';
import { wireError } from '#lib/domain/errors.ts';
import type { UpstreamDescription } from '#lib/server/model/upstream.ts';
import type { RunProgram } from './check.ts';
import { checkGithub, checkModel } from './check-accounts.ts';

const gh =
	(token: string | null): RunProgram =>
	async (_program, argv) =>
		argv[0] === '--version'
			? { exitCode: 0, stdout: 'gh version 2.23.0 (2023-02-27)', stderr: '' }
			: { exitCode: token === null ? 1 : 0, stdout: token ?? '', stderr: '' };

describe('checkGithub', () => {
	it.each([
		['token in the environment', async () => null, { GITHUB_TOKEN: 'ghp_canary' }, 'ok'],
		['no gh', async () => null, {}, 'warn'],
		['gh, signed out', gh(null), {}, 'warn'],
		['gh, signed in', gh('gho_canary\n'), {}, 'ok']
	] as const)('%s', async (_case, run, env, status) => {
		const check = await checkGithub(run, env);
		expect(check.status).toBe(status);
		expect(JSON.stringify(check)).not.toContain('canary');
	});
});

describe('checkModel', () => {
	const demo: UpstreamDescription = {
		kind: 'demo',
		credential: null,
		baseUrl: null,
		problem: null
	};
	const anthropic: UpstreamDescription = {
		kind: 'anthropic',
		credential: 'claude-login',
		baseUrl: 'https://api.anthropic.com',
		problem: null
	};
	it.each([
		['demo by choice', demo, 'demo', 'ok'],
		['demo for want of credentials', demo, 'auto', 'warn'],
		['a login', anthropic, 'auto', 'ok'],
		[
			'an expired login',
			{ ...anthropic, problem: wireError('model_auth', 'expired') },
			'auto',
			'fail'
		],
		['a custom server without credential', { ...anthropic, credential: null }, 'auto', 'ok']
	] as const)('%s', (_case, described, setting, status) => {
		expect(checkModel(described, setting).status).toBe(status);
	});
});
