/**
 * Is an address on the public internet? Anything else (this host, its network, link-local, the
 * metadata services of clouds, and every IPv6 form that carries an IPv4 address) is not.
 */
import ipaddr from 'ipaddr.js';

/** Metadata services that sit on addresses which look public. */
const METADATA = new Set(['168.63.129.16']);

const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parse('2000::');

/** Strict about the form, too: only plain dotted quads and IPv6 without a zone. */
export function isPublicAddress(address: string): boolean {
	if (ipaddr.IPv4.isValidFourPartDecimal(address)) {
		const parsed = ipaddr.IPv4.parse(address);
		return parsed.range() === 'unicast' && !METADATA.has(parsed.toString());
	}
	if (address.includes('%') || !ipaddr.IPv6.isValid(address)) return false;
	const parsed = ipaddr.IPv6.parse(address);
	return parsed.range() === 'unicast' && parsed.match(GLOBAL_UNICAST_V6, 3);
}
