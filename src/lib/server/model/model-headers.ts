/** Which headers cross the door. Both ways by allow-list: what is not named stays behind. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Credential } from './credentials.ts';

export type HeaderMap = Record<string, string | string[]>;

const REQUEST = new Set(['accept', 'content-type', 'content-length', 'user-agent', 'x-app']);
const REQUEST_PREFIXES = ['anthropic-', 'x-stainless-', 'x-claude-code-'];

const RESPONSE = new Set([
	'content-type',
	'content-length',
	'content-encoding',
	'cache-control',
	'request-id',
	'retry-after',
	'x-should-retry'
]);
/** Who owns the credential is none of the sandbox's business. */
const RESPONSE_DENIED = new Set(['anthropic-organization-id']);

const OAUTH_BETA = 'oauth-2025-04-20';

function withBeta(given: string | string[] | undefined): string {
	const betas = (Array.isArray(given) ? given.join(',') : (given ?? ''))
		.split(',')
		.map((beta) => beta.trim())
		.filter(Boolean);
	return [...new Set([...betas, OAUTH_BETA])].join(',');
}

/** The sandbox's request as the upstream gets it: its placeholder out, the credential in. */
export function upstreamHeaders(
	given: IncomingHttpHeaders,
	credential: Credential | null
): HeaderMap {
	const headers: HeaderMap = {};
	for (const [name, value] of Object.entries(given)) {
		if (value === undefined) continue;
		if (REQUEST.has(name) || REQUEST_PREFIXES.some((prefix) => name.startsWith(prefix))) {
			headers[name] = value;
		}
	}
	// Compressed answers would hide the usage, and each chunk would wait for the compressor.
	headers['accept-encoding'] = 'identity';
	if (credential?.kind === 'api-key') headers['x-api-key'] = credential.secret;
	else if (credential) headers.authorization = `Bearer ${credential.secret}`;
	if (credential?.kind === 'oauth-token' || credential?.kind === 'claude-login') {
		headers['anthropic-beta'] = withBeta(headers['anthropic-beta']);
	}
	return headers;
}

/** The upstream's answer as the sandbox gets it. */
export function answerHeaders(given: IncomingHttpHeaders): HeaderMap {
	const headers: HeaderMap = {};
	for (const [name, value] of Object.entries(given)) {
		if (value === undefined || RESPONSE_DENIED.has(name)) continue;
		if (RESPONSE.has(name) || name.startsWith('anthropic-')) headers[name] = value;
	}
	return headers;
}
