/** How a session's token is read from a request and compared. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type TokenDigest = Buffer;

/** Tokens are kept and compared as digests: same length always, and in constant time. */
export const digestToken = (token: string): TokenDigest =>
	createHash('sha256').update(token).digest();

export const sameToken = (a: TokenDigest, b: TokenDigest): boolean => timingSafeEqual(a, b);

const bearer = (header: string | undefined): string | null =>
	/^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header ?? '')?.[1] ?? null;

/** `Authorization: Bearer …`. */
export const authorizationToken = (req: IncomingMessage): string | null =>
	bearer(req.headers.authorization);

/** `Proxy-Authorization: Bearer …`, which the runner's relay adds. */
export const proxyToken = (req: IncomingMessage): string | null =>
	bearer(req.headers['proxy-authorization']);

/** What an Anthropic client sends: a bearer, or the key's own header. */
export const modelTokens = (req: IncomingMessage): string[] => {
	const key = req.headers['x-api-key'];
	return [authorizationToken(req), typeof key === 'string' ? key.slice(0, 4096) : null].filter(
		(token) => token !== null
	);
};
