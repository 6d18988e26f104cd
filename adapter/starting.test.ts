import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { errorBodySchema } from '@agent-manager/protocol/errors.ts';
import { answerStarting } from './starting.ts';

const answer = (method: string, url: string, accept: string, waiting: string | null) => {
	const said = { status: 0, headers: {} as Record<string, unknown>, body: '' };
	answerStarting(
		{ method, url, headers: { accept } },
		{
			writeHead: (status: number, headers: Record<string, unknown>) =>
				Object.assign(said, { status, headers }),
			end: (body = '') => (said.body = body as string)
		} as unknown as ServerResponse,
		waiting
	);
	return said;
};
const BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8';

it('tells a browser what is waited for, on a page that comes again by itself', () => {
	const { status, headers, body } = answer(
		'GET',
		'/sessions/1',
		BROWSER,
		'it waits for the database'
	);
	expect([status, headers['retry-after']]).toEqual([503, '2']);
	expect(body).toContain('it waits for the database');
	expect(body).toContain('http-equiv="refresh"');
});

it.each([
	['GET', '/api/sessions/1', BROWSER],
	['POST', '/', BROWSER],
	['GET', '/', 'application/json']
])('tells a program in the shape of the API: %s %s', (method, url, accept) => {
	const { status, body } = answer(method, url, accept, 'it waits for the database');
	const { error } = errorBodySchema.parse(JSON.parse(body));
	expect([status, error.code]).toEqual([503, 'starting_up']);
	expect(error.message).toContain('database');
});

it('sends no body where none is asked for', () => {
	expect(answer('HEAD', '/', BROWSER, null)).toMatchObject({ status: 503, body: '' });
});
