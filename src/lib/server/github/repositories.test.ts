import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
	fakeRepository,
	startFakeGithub,
	type FakeGithub
} from '../../../../tests/support/fake-github.ts';
import { createGithubClient } from './client.ts';
import { createGithubCredentials } from './credentials.ts';
import { createGithubRepositories } from './repositories.ts';

let github: FakeGithub;
let clock: number;

beforeEach(async () => {
	github = await startFakeGithub();
	clock = 1_000_000;
});

afterEach(() => github.close());

const repositories = (
	env: NodeJS.ProcessEnv = { GH_TOKEN: 'good-token' },
	baseUrl = github.baseUrl
) => {
	const credentials = createGithubCredentials({ env, ghProgram: 'gh-that-is-not-there' });
	const client = createGithubClient({ credentials, baseUrl });
	return createGithubRepositories(client, () => clock);
};

describe('the list of the user’s repositories', () => {
	it('is paged, most recently pushed first', async () => {
		github.repositories = Array.from({ length: 250 }, (_, i) => fakeRepository(249 - i));
		const list = repositories();
		const first = await list.list({ q: '', page: 1 });
		expect(first).toMatchObject({ ok: true, value: { login: 'octo', page: 1, hasMore: true } });
		const names: string[] = [];
		for (let page = 1; page <= 9; page++) {
			const answer = await list.list({ q: '', page });
			if (!answer.ok) throw new Error(answer.error.message);
			names.push(...answer.value.repositories.map(({ fullName }) => fullName));
			expect(answer.value.hasMore).toBe(page < 9);
		}
		expect(names).toEqual(Array.from({ length: 250 }, (_, i) => fakeRepository(i).full_name));
		expect(await list.list({ q: '', page: 10 })).toMatchObject({
			ok: true,
			value: { repositories: [], hasMore: false }
		});
	});

	it('is searched by every word, in name and description', async () => {
		github.repositories = [
			fakeRepository(1, { full_name: 'octo/Web-App', description: 'The shop' }),
			fakeRepository(2, { full_name: 'octo/api', description: 'Web service of the SHOP' }),
			fakeRepository(3, { full_name: 'other/web', description: null })
		];
		const found = await repositories().list({ q: ' shop WEB ', page: 1 });
		expect(found.ok && found.value.repositories.map(({ fullName }) => fullName)).toEqual([
			'octo/Web-App',
			'octo/api'
		]);
		expect(await repositories().list({ q: '(.*)[', page: 1 })).toMatchObject({
			ok: true,
			value: { repositories: [] }
		});
	});

	it('asks again only after a while, and then only whether something changed', async () => {
		github.repositories = Array.from({ length: 150 }, (_, i) => fakeRepository(i));
		const list = repositories();
		await Promise.all([list.list({ q: '', page: 1 }), list.list({ q: 'x', page: 1 })]);
		await list.list({ q: '', page: 2 });
		expect(github.requests.map(({ status }) => status)).toEqual([200, 200, 200]);
		clock += 61_000;
		expect(await list.list({ q: '', page: 5 })).toMatchObject({
			ok: true,
			value: { repositories: { length: 30 }, hasMore: false }
		});
		expect(github.requests.slice(3).map(({ status }) => status)).toEqual([200, 304, 304]);
		github.repositories.push(fakeRepository(-1, { full_name: 'octo/newest' }));
		clock += 61_000;
		const newest = await list.list({ q: '', page: 1 });
		expect(newest.ok && newest.value.repositories[0]?.fullName).toBe('octo/newest');
	});
});

describe('what can fail', () => {
	const failing = async (env?: NodeJS.ProcessEnv, baseUrl?: string) => {
		const answer = await repositories(env, baseUrl).list({ q: '', page: 1 });
		return answer.ok ? null : answer.error;
	};

	it('is said in words when nobody is signed in', async () => {
		expect(await failing({})).toMatchObject({ code: 'github_not_signed_in' });
		expect(github.requests).toEqual([]);
	});

	it('is said when the login is refused', async () => {
		expect(await failing({ GITHUB_TOKEN: 'expired-token' })).toMatchObject({
			code: 'github_not_signed_in'
		});
	});

	it.each([
		[
			{ status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1800000000' } },
			'github_rate_limited',
			/2027/
		],
		[{ status: 403, headers: { 'retry-after': '60' } }, 'github_rate_limited', /60 seconds/],
		[
			{ status: 403, message: 'You have exceeded a secondary rate limit' },
			'github_rate_limited',
			/./
		],
		[{ status: 429 }, 'github_rate_limited', /./],
		[
			{ status: 403, message: 'Resource not accessible by personal access token' },
			'github_forbidden',
			/./
		],
		[{ status: 502 }, 'github_unreachable', /./],
		[{ status: 500, message: 'secret \u001b[2J' }, 'github_unreachable', /./]
	])('is told apart: %j', async (failure, code, hint) => {
		github.failure = failure;
		const error = await failing();
		expect(error).toMatchObject({ code, hint: expect.stringMatching(hint) });
		expect(JSON.stringify(error)).not.toMatch(/good-token|\\u001b/);
	});

	it('is said when GitHub is not there or makes no sense', async () => {
		github.broken = true;
		expect(await failing()).toMatchObject({ code: 'github_unreachable' });
		github.broken = false;
		github.repositories = [{ full_name: 7 } as never];
		expect(await failing()).toMatchObject({ code: 'github_unreachable' });
		await github.close();
		expect(await failing()).toMatchObject({ code: 'github_unreachable' });
	});
});
