import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
	checkCredentials,
	cookieOf,
	createCredentials,
	loadSecret,
	type RequestCredentials
} from './credentials.ts';

const TOKEN = 't'.repeat(43);
const credentials = createCredentials(TOKEN, '12345678-1234-4234-8234-123456789012');
const cookie = credentials.cookieValue;
const none: RequestCredentials = {
	method: 'GET',
	authorization: null,
	cookie: null,
	origin: null,
	fetchSite: null
};

describe('checkCredentials', () => {
	const cases: [string, Partial<RequestCredentials>, boolean][] = [
		['nothing', {}, false],
		['the bearer', { authorization: `Bearer ${TOKEN}` }, true],
		['the bearer in other letters', { authorization: `bearer ${TOKEN}`, method: 'POST' }, true],
		['a wrong bearer', { authorization: 'Bearer x' }, false],
		['an empty bearer', { authorization: 'Bearer ' }, false],
		['another scheme', { authorization: `Basic ${TOKEN}` }, false],
		['a wrong bearer with the right cookie', { authorization: 'Bearer x', cookie }, false],
		['the cookie, to read', { cookie }, true],
		['the token as cookie', { cookie: TOKEN }, false],
		['the cookie as bearer', { authorization: `Bearer ${cookie}` }, false],
		['the cookie alone, to change', { cookie, method: 'POST' }, false],
		['the cookie from our page', { cookie, method: 'POST', origin: 'http://127.0.0.1:3000' }, true],
		[
			'the cookie, as the browser says',
			{ cookie, method: 'DELETE', fetchSite: 'same-origin' },
			true
		],
		['the cookie by a link', { cookie, method: 'POST', fetchSite: 'none' }, false]
	];
	it.each(cases)('%s', (_name, request, isLetIn) => {
		expect(checkCredentials(credentials, { ...none, ...request }) === null).toBe(isLetIn);
	});

	it('gives each instance a cookie of its own, which does not hold the token', () => {
		const other = createCredentials(TOKEN, '87654321-1234-4234-8234-123456789012');
		expect(other.cookieName).not.toBe(credentials.cookieName);
		expect(other.isCookie(cookie)).toBe(false);
		expect(cookie).not.toContain(TOKEN);
	});
});

describe('cookieOf', () => {
	it.each([
		['a=1; b=2', 'b', '2'],
		['b=2=3', 'b', '2=3'],
		['bb=2', 'b', null],
		['', 'b', null],
		[undefined, 'b', null]
	])('%s', (header, name, expected) => {
		expect(cookieOf(header, name)).toBe(expected);
	});
});

describe('loadSecret', () => {
	const folder = mkdtempSync(join(tmpdir(), 'am-secret-'));
	afterAll(() => rmSync(folder, { recursive: true }));

	it('makes one secret, also when many ask at once, that only its owner can read', async () => {
		const secrets = await Promise.all(Array.from({ length: 10 }, () => loadSecret(folder, 'a')));
		expect(new Set(secrets).size).toBe(1);
		expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o600);
	});

	it('refuses a file that holds none', async () => {
		writeFileSync(join(folder, 'b'), 'short\n');
		await expect(loadSecret(folder, 'b')).rejects.toThrow(/holds no usable secret/);
	});
});
