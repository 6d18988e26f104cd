/**
 * Which hosts git may be sent to. An address that a person pastes must not make the manager talk to
 * this machine or the network behind it, so a host is resolved, every address it has must be public,
 * and git is then held to exactly these addresses: a name that changes its mind between the check
 * and the connection gains nothing. Hosts listed in `allowGitHosts` are free of it.
 */
import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { isListedHost, type RepoAddress } from './repo-address.ts';

const RESOLVE_TIMEOUT_MS = 4_000;

export interface HostPolicy {
	allowGitHosts: readonly string[];
	/** All addresses of a name; throws when it has none. Default: the system's resolver. */
	resolve?: (host: string) => Promise<string[]>;
}

/** The addresses that git is held to; empty where it may go wherever the name leads. */
export interface HostPin {
	addresses: string[];
}

const systemResolve = async (host: string): Promise<string[]> =>
	(await lookup(host, { all: true })).map(({ address }) => address);

/** Public, by IANA's registries; the IPv4 address inside an IPv6 one is what counts. */
export const isPublicAddress = (text: string): boolean => {
	if (!ipaddr.isValid(text)) return false;
	const address = ipaddr.process(text);
	return address.range() === 'unicast';
};

const withTimeout = async <T>(promise: Promise<T>, timeoutMs: number): Promise<T> => {
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise<never>((_resolve, reject) => {
		timer = setTimeout(() => reject(new Error('timeout')), timeoutMs);
	});
	try {
		return await Promise.race([promise, timeout]);
	} finally {
		clearTimeout(timer);
	}
};

const notAllowed = (host: string): Result<never, WireError> =>
	fail(
		wireError('repo_host_not_allowed', `The host ${host} is on this machine or a private network.`)
	);

const notFound = (transport: RepoAddress['transport'], host: string): WireError =>
	wireError('repo_unreachable', `The host ${host} can’t be found.`, {
		...(transport === 'ssh' && {
			hint: 'If it is a name of your ssh configuration, list it in allowGitHosts.'
		})
	});

/**
 * May git connect there? Errors: `repo_host_not_allowed`; `repo_unreachable` when the name can't be
 * resolved, unless a proxy would resolve it for us.
 */
export const checkHost = async (
	address: Pick<RepoAddress, 'host' | 'port' | 'transport'>,
	policy: HostPolicy,
	usesProxy: boolean,
	timeoutMs = RESOLVE_TIMEOUT_MS
): Promise<Result<HostPin, WireError>> => {
	const { host, port } = address;
	if (host === null || isListedHost(host, port, policy.allowGitHosts)) return ok({ addresses: [] });
	if (address.transport === 'http') {
		return fail(
			wireError('repo_host_not_allowed', `Plain http to ${host} needs the host in allowGitHosts.`)
		);
	}
	if (ipaddr.isValid(host)) {
		return isPublicAddress(host) ? ok({ addresses: [host] }) : notAllowed(host);
	}
	if (host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.local')) {
		return notAllowed(host);
	}
	let addresses: string[] = [];
	try {
		addresses = await withTimeout((policy.resolve ?? systemResolve)(host), timeoutMs);
	} catch {
		if (usesProxy && address.transport !== 'ssh') return ok({ addresses: [] });
	}
	if (addresses.length === 0) return fail(notFound(address.transport, host));
	return addresses.every(isPublicAddress) ? ok({ addresses }) : notAllowed(host);
};
