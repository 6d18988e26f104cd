import { describe, expect, it } from 'vitest';
import { checkOrigin, originPolicy, type RequestOrigin } from './origin-policy.ts';

const policy = originPolicy('127.0.0.1', 3000, ['https://agents.example.org']);
const usual: RequestOrigin = {
	method: 'POST',
	host: '127.0.0.1:3000',
	origin: null,
	fetchSite: null
};

describe('checkOrigin', () => {
	const cases: [string, Partial<RequestOrigin>, string | null][] = [
		['a program', {}, null],
		['our page', { origin: 'http://127.0.0.1:3000', fetchSite: 'same-origin' }, null],
		['our page under localhost', { host: 'localhost:3000', origin: 'http://localhost:3000' }, null],
		['a host in capitals', { host: 'LOCALHOST:3000' }, null],
		['IPv6', { host: '[::1]:3000' }, null],
		['a listed proxy', { host: 'agents.example.org', origin: 'https://agents.example.org' }, null],
		['no host', { host: null }, 'forbidden_host'],
		['no port', { host: '127.0.0.1' }, 'forbidden_host'],
		['another port', { host: '127.0.0.1:3001' }, 'forbidden_host'],
		['a rebound name', { host: 'evil.example:3000' }, 'forbidden_host'],
		['a name that begins alike', { host: 'localhost.evil.example:3000' }, 'forbidden_host'],
		['a dot at the end', { host: 'localhost.:3000' }, 'forbidden_host'],
		['the wildcard', { host: '0.0.0.0:3000' }, 'forbidden_host'],
		['a foreign page', { origin: 'http://evil.example' }, 'forbidden_origin'],
		['a page without origin', { origin: 'null' }, 'forbidden_origin'],
		['our host by https', { origin: 'https://127.0.0.1:3000' }, 'forbidden_origin'],
		['another port’s page', { origin: 'http://127.0.0.1:3001' }, 'forbidden_origin'],
		[
			'a foreign page that reads',
			{ method: 'GET', origin: 'http://evil.example' },
			'forbidden_origin'
		],
		['a body-less request of another site', { fetchSite: 'cross-site' }, 'forbidden_origin'],
		['one of the same site', { fetchSite: 'same-site' }, 'forbidden_origin'],
		['a link from another site', { method: 'GET', fetchSite: 'cross-site' }, null]
	];
	it.each(cases)('%s', (_name, request, code) => {
		expect(checkOrigin(policy, { ...usual, ...request })?.code ?? null).toBe(code);
	});

	it('lets a wildcard listen, and still answers under loopback names only', () => {
		const wide = originPolicy('0.0.0.0', 80, []);
		expect(wide.hosts).toEqual(
			new Set(['127.0.0.1:80', 'localhost:80', '[::1]:80', '127.0.0.1', 'localhost', '[::1]'])
		);
	});
});
