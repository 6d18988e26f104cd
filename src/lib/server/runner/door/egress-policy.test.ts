import { expect, test } from 'vitest';
import { decideEgress, type EgressPolicy } from './egress-policy.ts';
import { parseAuthority } from './egress-proxy.ts';
import { isPublicAddress } from './public-address.ts';

const policy: EgressPolicy = {
	repoHost: 'git.example.org',
	repoHostMayBePrivate: true,
	extraHosts: ['*.pkg.example.org', 'One.Example.org']
};

test.each<[string, number, boolean]>([
	['registry.npmjs.org', 443, true],
	['REGISTRY.npmjs.org.', 443, true],
	['deb.debian.org', 80, true],
	['registry.npmjs.org', 22, false],
	['registry.npmjs.org', 8443, false],
	['git.example.org', 22, true],
	['git.example.org', 9418, false],
	['a.pkg.example.org', 443, true],
	['pkg.example.org', 443, false],
	['evilpkg.example.org', 443, false],
	['one.example.org', 443, true],
	['registry.npmjs.org.evil.example', 443, false],
	['evil-registry.npmjs.org', 443, false],
	['example.com', 443, false],
	['127.0.0.1', 443, false],
	['2130706433', 443, false],
	['0x7f.1', 443, false],
	['0177.0.0.1', 443, false],
	['::1', 443, false],
	['::ffff:127.0.0.1', 443, false],
	['localhost', 443, false],
	['registry.npmjs.org\u0000.evil', 443, false],
	['', 443, false]
])('%s:%i → %s', (host, port, allowed) => {
	expect(decideEgress(policy, host, port).allowed).toBe(allowed);
});

test("only the repo's own host may be private, and only where the person listed it", () => {
	expect(decideEgress(policy, 'git.example.org', 443).allowPrivate).toBe(true);
	expect(decideEgress(policy, 'pypi.org', 443).allowPrivate).toBeUndefined();
	expect(
		decideEgress({ ...policy, repoHostMayBePrivate: false }, 'git.example.org', 443).allowPrivate
	).toBe(false);
});

test('a session without a remote repo still has the registries', () => {
	const local = { repoHost: null, repoHostMayBePrivate: false, extraHosts: [] };
	expect(decideEgress(local, 'pypi.org', 443).allowed).toBe(true);
	expect(decideEgress(local, 'null', 443).allowed).toBe(false);
});

test.each([
	['1.1.1.1', true],
	['2606:4700:4700::1111', true],
	['0.0.0.0', false],
	['10.1.2.3', false],
	['100.64.0.1', false],
	['127.0.0.1', false],
	['127.255.255.254', false],
	['169.254.169.254', false],
	['168.63.129.16', false],
	['172.16.0.1', false],
	['192.0.0.192', false],
	['192.168.65.7', false],
	['198.18.0.1', false],
	['224.0.0.1', false],
	['255.255.255.255', false],
	['2130706433', false],
	['0x7f000001', false],
	['127.1', false],
	['::', false],
	['::1', false],
	['::127.0.0.1', false],
	['::ffff:127.0.0.1', false],
	['::ffff:1.1.1.1', false],
	['64:ff9b::7f00:1', false],
	['64:ff9b:1::a9fe:a9fe', false],
	['2002:7f00:1::', false],
	['2001:0:7f00:1::', false],
	['fc00::1', false],
	['fd00:ec2::254', false],
	['fe80::1', false],
	['fe80::1%eth0', false],
	['fec0::1', false],
	['ff02::1', false],
	['2001:db8::1', false],
	['not an address', false],
	['', false]
])('%s is public: %s', (address, expected) => {
	expect(isPublicAddress(address)).toBe(expected);
});

test.each<[string, object | null]>([
	['example.org:443', { host: 'example.org', port: 443 }],
	['EXAMPLE.org:443', { host: 'example.org', port: 443 }],
	['[::1]:443', { host: '::1', port: 443 }],
	['example.org', null],
	['example.org:', null],
	['example.org:0', null],
	['example.org:65536', null],
	['example.org:443/path', null],
	['user@example.org:443', null],
	['::1:443', null],
	['[::1:443', null],
	['http://example.org:443', null],
	['a b:443', null],
	[`${'a'.repeat(254)}:443`, null]
])('authority %s', (text, expected) => {
	expect(parseAuthority(text)).toEqual(expected);
});
