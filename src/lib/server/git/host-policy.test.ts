import { describe, expect, it } from 'vitest';
import { checkHost, isPublicAddress } from './host-policy.ts';

const check = (host: string, addresses: string[] | Error, allowGitHosts: string[] = []) =>
	checkHost(
		{ host, port: 443, transport: 'https' },
		{
			allowGitHosts,
			resolve: () =>
				addresses instanceof Error ? Promise.reject(addresses) : Promise.resolve(addresses)
		},
		false
	);

describe('isPublicAddress', () => {
	it.each(['140.82.121.4', '2606:50c0:8000::153'])('%s is public', (address) => {
		expect(isPublicAddress(address)).toBe(true);
	});

	it.each([
		'127.0.0.1',
		'127.8.9.1',
		'0.0.0.0',
		'10.0.0.1',
		'172.16.0.1',
		'192.168.1.1',
		'169.254.169.254',
		'100.64.0.1',
		'224.0.0.1',
		'255.255.255.255',
		'::1',
		'::',
		'fe80::1',
		'fd00::1',
		'::ffff:127.0.0.1',
		'::ffff:10.0.0.1',
		'64:ff9b::7f00:1',
		'ff02::1',
		'not-an-address'
	])('%s is not', (address) => {
		expect(isPublicAddress(address)).toBe(false);
	});
});

describe('checkHost', () => {
	it('pins a public host to the addresses that were checked', async () => {
		const result = await check('git.example', ['140.82.121.4', '2606:50c0:8000::153']);
		expect(result).toEqual({
			ok: true,
			value: { addresses: ['140.82.121.4', '2606:50c0:8000::153'] }
		});
	});

	it('refuses a host when any of its addresses is private', async () => {
		const result = await check('git.example', ['140.82.121.4', '10.0.0.1']);
		expect(result).toMatchObject({ ok: false, error: { code: 'repo_host_not_allowed' } });
	});

	it.each(['localhost', 'x.localhost', 'printer.local', '127.0.0.1', '::1', '169.254.169.254'])(
		'refuses %s without asking anybody',
		async (host) => {
			const result = await check(host, new Error('asked'));
			expect(result).toMatchObject({ ok: false, error: { code: 'repo_host_not_allowed' } });
		}
	);

	it('leaves listed hosts alone', async () => {
		const result = await check('127.0.0.1', [], ['127.0.0.1:443']);
		expect(result).toEqual({ ok: true, value: { addresses: [] } });
	});

	it('says so when a name has no address, unless a proxy may know it', async () => {
		expect(await check('nowhere.example', new Error('ENOTFOUND'))).toMatchObject({
			ok: false,
			error: { code: 'repo_unreachable' }
		});
		const viaProxy = await checkHost(
			{ host: 'nowhere.example', port: 443, transport: 'https' },
			{ allowGitHosts: [], resolve: () => Promise.reject(new Error('ENOTFOUND')) },
			true
		);
		expect(viaProxy).toEqual({ ok: true, value: { addresses: [] } });
	});
});
