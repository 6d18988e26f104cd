import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { moveMessageSchema, renameSchema } from '@agent-manager/protocol/requests.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { messageCommand, sessionCommand } from './session-command.ts';

const id = randomUUID();
const key = randomUUID();

/** As SvelteKit calls a route. */
const event = <P>(params: P, body: object | string | null, header: string | null = null) => ({
	locals: { app: 'the app' } as never,
	params,
	request: new Request('http://x/', {
		method: 'POST',
		body: typeof body === 'object' && body !== null ? JSON.stringify(body) : body,
		headers: {
			'content-type': 'application/json',
			...(header === null ? {} : { 'idempotency-key': header })
		}
	})
});
const told = async (response: Response) => {
	const body = (await response.json()) as { error?: { code: string } };
	return { status: response.status, code: body.error?.code, body };
};

describe('a command to a session', () => {
	const asked: unknown[] = [];
	const rename = sessionCommand(renameSchema, (it) => {
		asked.push(it);
		return Promise.resolve(ok({ done: true }));
	});

	it('is asked with what was read, and answered with its status', async () => {
		const answer = await told(await rename(event({ id }, { title: 'New' }, key)));
		expect(answer).toMatchObject({ status: 202, body: { done: true } });
		expect(asked).toEqual([{ app: 'the app', id, key, body: { title: 'New' }, params: { id } }]);
	});

	it.each([
		['an id that is none', { id: '../x' }, { title: 'New' }, key, 404, 'session_not_found'],
		['a key that is none', { id }, { title: 'New' }, 'again', 400, 'bad_request'],
		['an unknown field', { id }, { title: 'New', x: 1 }, key, 400, 'bad_request'],
		['half a body', { id }, '{"title"', key, 400, 'bad_request']
	])('is not asked with %s', async (_what, params, body, header, status, code) => {
		asked.length = 0;
		expect(await told(await rename(event(params, body, header)))).toMatchObject({ status, code });
		expect(asked).toEqual([]);
	});

	it('says why it was refused', async () => {
		const busy = () => Promise.resolve(fail(wireError('session_busy', 'Busy.')));
		const plain = sessionCommand(null, busy, 201);
		expect(await told(await plain(event({ id }, null)))).toMatchObject({
			...{ status: 409, code: 'session_busy' }
		});
	});
});

describe('a command about a queued message', () => {
	const move = messageCommand(moveMessageSchema, ({ messageId, body }) =>
		Promise.resolve(ok({ messageId, body }))
	);

	it('is asked with the message', async () => {
		const params = { id, messageId: key };
		expect(await told(await move(event(params, { before: null })))).toMatchObject({
			...{ status: 202, body: { messageId: key, body: { before: null } } }
		});
	});

	it.each([
		[{ id: 'x', messageId: key }, 'session_not_found'],
		[{ id: 'x', messageId: 'x' }, 'session_not_found'],
		[{ id, messageId: 'x' }, 'not_found']
	])('is not asked with %o', async (params, code) => {
		expect(await told(await move(event(params, { before: null })))).toMatchObject({
			...{ status: 404, code }
		});
	});
});
