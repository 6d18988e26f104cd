/**
 * The tests' GitHub against GitHub's published OpenAPI description (`tests/fixtures/github-api.json`, made by
 * `scripts/github-description.mjs`): the fake leaves out what the app does not read, and has no field, type or
 * word of its own.
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
	fakePull,
	fakeRepository,
	startFakeGithub,
	type FakeGithub
} from '../support/fake-github.ts';

interface Description {
	answers: Record<string, object>;
	components: { schemas: Record<string, object> };
}

const file = new URL('../fixtures/github-api.json', import.meta.url);

/** Nothing has to be there, and nothing may be that GitHub does not have. */
const strict = (key: string, value: unknown): unknown => {
	if (key === 'required' && Array.isArray(value)) return undefined;
	if (value === null || typeof value !== 'object') return value;
	const schema = value as Record<string, unknown>;
	// Forms that differ in what they require are all one form without it.
	const { oneOf, ...rest } = schema;
	const open = Array.isArray(oneOf) ? { ...rest, anyOf: oneOf } : schema;
	const isObject = schema.type === 'object' && schema.properties !== undefined;
	return isObject && schema.additionalProperties === undefined
		? { ...open, additionalProperties: false }
		: open;
};
const described = JSON.parse(readFileSync(file, 'utf8'), strict) as Description;
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
const validators = new Map<string, ValidateFunction>();
const findings = (answer: string, body: unknown): string[] => {
	const schema = described.answers[answer];
	if (!schema) throw new Error(`${answer} is not in the description`);
	const validate =
		validators.get(answer) ?? ajv.compile({ ...schema, components: described.components });
	validators.set(answer, validate);
	validate(body);
	return (validate.errors ?? []).map(
		({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`
	);
};

let github: FakeGithub;

beforeAll(async () => {
	github = await startFakeGithub();
	github.repositories.push(fakeRepository(1), fakeRepository(2));
	github.pulls.push(
		fakePull(1, 'agent/one', {
			checks: [
				{ id: 7, name: 't', status: 'completed', conclusion: 'failure', html_url: 'https://x/7' }
			],
			statuses: [{ context: 'ci', state: 'success', target_url: null }],
			reviews: [{ user: { login: 'ann' }, state: 'APPROVED' }],
			comments: [
				{ id: 1, user: { login: 'ann' }, path: 'a', line: 3, body: 'Why?', html_url: 'https://x/c' }
			]
		}),
		fakePull(2, 'agent/two', { merged_at: '2026-11-26T12:00:00Z', state: 'closed' })
	);
});
afterAll(() => github.close());

const ask = async (path: string, post?: object): Promise<{ status: number; body: unknown }> => {
	const answer = await fetch(`${github.baseUrl}${path}`, {
		headers: { authorization: 'Bearer good-token' },
		...(post && { method: 'POST', body: JSON.stringify(post) })
	});
	return { status: answer.status, body: await answer.json() };
};

const REPO = '/repos/{owner}/{repo}';
const sha = fakePull(1, '').head.sha;

describe('the tests’ GitHub answers as the real one', () => {
	it.each([
		['/user', '/user'],
		['/user/repos?per_page=5', '/user/repos'],
		['/repos/octo/app/pulls?head=octo:agent/one', `${REPO}/pulls`],
		['/repos/octo/app/pulls?head=octo:agent/two', `${REPO}/pulls`],
		['/repos/octo/app/pulls/1/reviews', `${REPO}/pulls/{pull_number}/reviews`],
		['/repos/octo/app/pulls/1/comments', `${REPO}/pulls/{pull_number}/comments`],
		[`/repos/octo/app/commits/${sha}/check-runs`, `${REPO}/commits/{ref}/check-runs`],
		[`/repos/octo/app/commits/${sha}/status`, `${REPO}/commits/{ref}/status`],
		['/repos/octo/app/check-runs/7', `${REPO}/check-runs/{check_run_id}`],
		['/repos/octo/app/check-runs/7/annotations', `${REPO}/check-runs/{check_run_id}/annotations`]
	])('%s', async (path, described) => {
		const { status, body } = await ask(path);
		expect(status).toBe(200);
		expect(findings(`get ${described} 200`, body)).toEqual([]);
	});

	it('to a pull request that is opened, and to one that is refused', async () => {
		const asked = { title: 'One', body: '', head: 'agent/new', base: 'main', draft: true };
		const made = await ask('/repos/octo/app/pulls', asked);
		expect([made.status, findings(`post ${REPO}/pulls 201`, made.body)]).toEqual([201, []]);
		const again = await ask('/repos/octo/app/pulls', asked);
		expect([again.status, findings(`post ${REPO}/pulls 422`, again.body)]).toEqual([422, []]);
	});

	it('and would not pass with a field or a word that GitHub does not have', () => {
		const pulls = `get ${REPO}/pulls 200`;
		expect(findings(pulls, [{ number: 1, is_draft: true }])).toHaveLength(1);
		expect(findings(pulls, [{ number: '1' }])).toHaveLength(1);
		const runs = `get ${REPO}/commits/{ref}/check-runs 200`;
		expect(findings(runs, { check_runs: [{ status: 'done' }] })).toHaveLength(1);
	});
});
