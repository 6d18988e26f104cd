/**
 * Which Host and Origin a request may carry. Browsers let any page send simple requests to loopback,
 * and a rebound name reaches it under a foreign host: so both are compared exactly, on every route
 * and before a WebSocket is accepted.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';

export interface OriginPolicy {
	/** Exact `host:port` values, lower case. */
	hosts: ReadonlySet<string>;
	/** Exact origins, such as `http://localhost:3000`. */
	origins: ReadonlySet<string>;
}

export interface RequestOrigin {
	method: string;
	host: string | null;
	origin: string | null;
	/** `Sec-Fetch-Site`, which pages can't set. */
	fetchSite: string | null;
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** `extraOrigins` are full origins of reverse proxies; their hosts are allowed too. */
export const originPolicy = (
	host: string,
	port: number,
	extraOrigins: readonly string[]
): OriginPolicy => {
	const isWildcard = host === '0.0.0.0' || host === '::';
	const literal = host.includes(':') ? `[${host}]` : host;
	const names = isWildcard ? LOOPBACK_NAMES : [...LOOPBACK_NAMES, literal.toLowerCase()];
	const hosts = new Set(names.map((name) => `${name}:${port}`));
	if (port === 80) names.forEach((name) => hosts.add(name));
	const origins = new Set([...hosts].map((name) => `http://${name}`));
	for (const origin of extraOrigins) {
		const url = new URL(origin);
		origins.add(url.origin);
		hosts.add(url.host);
	}
	return { hosts, origins };
};

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** null: go on. */
export const checkOrigin = (policy: OriginPolicy, request: RequestOrigin): WireError | null => {
	const { host, origin, fetchSite, method } = request;
	if (host === null || !policy.hosts.has(host.toLowerCase())) {
		return wireError('forbidden_host', 'The app does not answer under this host name.');
	}
	if (origin !== null && !policy.origins.has(origin)) {
		return wireError('forbidden_origin', 'Requests from another origin are refused.');
	}
	const foreign = fetchSite === 'cross-site' || fetchSite === 'same-site';
	if (foreign && !isRead(method)) {
		return wireError('forbidden_origin', 'Requests from another site are refused.');
	}
	return null;
};
