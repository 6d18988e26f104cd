import { describe, expect, it } from 'vitest';
import { editMessageSchema, eventsQuerySchema } from '@agent-manager/protocol/requests.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { BODY_MAX_BYTES, readBody, readId, readKey, readQuery, refuse } from './answer.ts';

const post = (body: BodyInit | null, type: string | null = 'application/json'): Request =>
	new Request('http://x/', {
		method: 'POST',
		body,
		headers: type === null ? {} : { 'content-type': type }
	});

describe('readBody', () => {
	const good = JSON.stringify({ message: 'hi' });
	const cases: [string, BodyInit | null, string | null, string | null][] = [
		['JSON', good, 'application/json', null],
		['JSON with a charset', good, 'Application/JSON; charset=utf-8', null],
		['a form', good, 'application/x-www-form-urlencoded', 'bad_request'],
		['text', good, 'text/plain', 'bad_request'],
		['no type', new Blob([good]), null, 'bad_request'],
		['no body', null, 'application/json', 'bad_request'],
		['half of it', good.slice(0, 9), 'application/json', 'bad_request'],
		['another field', '{"message":"a","x":1}', 'application/json', 'bad_request'],
		['a list', '[]', 'application/json', 'bad_request'],
		['null', 'null', 'application/json', 'bad_request'],
		['blanks', '{"message":" \\n"}', 'application/json', 'bad_request'],
		['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'application/json', 'bad_request'],
		['too much', 'x'.repeat(BODY_MAX_BYTES + 1), 'application/json', 'payload_too_large']
	];
	it.each(cases)('%s', async (_name, body, type, code) => {
		const read = await readBody(post(body, type), editMessageSchema);
		expect(read.ok ? null : read.error.code).toBe(code);
	});
});

describe('readQuery, readId, readKey', () => {
	it.each([
		['after=0', true],
		['after=5&limit=1000', true],
		['after=-1', false],
		['after=1.5', false],
		['after=x', false],
		['limit=0', false],
		['limit=1001', false],
		['after=1&before=2', false],
		['other=1', false]
	])('%s', (query, isGood) => {
		expect(readQuery(new URL(`http://x/?${query}`), eventsQuerySchema).ok).toBe(isGood);
	});

	it('takes an id that is none for one that is unknown', () => {
		const read = readId(sessionIdSchema, '../x', 'session');
		expect(read).toMatchObject({ ok: false, error: { code: 'session_not_found' } });
	});

	it('takes no key, or a UUID', () => {
		const withKey = (key?: string) =>
			readKey(
				new Request('http://x/', { headers: key === undefined ? {} : { 'idempotency-key': key } })
			);
		expect(withKey()).toEqual({ ok: true, value: undefined });
		expect(withKey('6F9619FF-8B86-4D11-B42D-00C04FC964FF')).toMatchObject({
			value: '6f9619ff-8b86-4d11-b42d-00c04fc964ff'
		});
		expect(withKey('1; drop table')).toMatchObject({ ok: false, error: { code: 'bad_request' } });
	});
});

describe('refuse', () => {
	it('answers with the status of the code, and asks for a bearer', async () => {
		const response = refuse(wireError('unauthorized', 'Sign in first.'));
		expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
		expect(await response.json()).toMatchObject({ error: { code: 'unauthorized' } });
	});
});
