/**
 * Who may talk to the app: the bearer in the token file for programs, and for the browser a cookie that
 * the printed link sets. The cookie holds a value derived from the token, because browsers send cookies
 * to every port of a host; it opens nothing but this app in a browser.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { createOnce } from './create-once.ts';

export interface Credentials {
	/** Instance-specific, so that two apps on one host do not sign each other out. */
	cookieName: string;
	cookieValue: string;
	isToken(candidate: string): boolean;
	isCookie(candidate: string): boolean;
}

export interface RequestCredentials {
	method: string;
	/** `Authorization` as it came. */
	authorization: string | null;
	/** Value of our cookie, if the request has it. */
	cookie: string | null;
	origin: string | null;
	fetchSite: string | null;
}

const sameSecret = (a: string, b: string): boolean =>
	timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

/** Reads a secret file of mode 0600, or makes it. Two processes that start at once agree on one. */
export const loadSecret = async (folder: string, name: string): Promise<string> => {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const path = join(folder, name);
	if (!existsSync(path))
		await createOnce(path, `${randomBytes(32).toString('base64url')}\n`, 0o600);
	await chmod(path, 0o600);
	const secret = (await readFile(path, 'utf8')).trim();
	if (secret.length < 32)
		throw new Error(`${path} holds no usable secret: delete it and start again`);
	return secret;
};

export const createCredentials = (token: string, instance: string): Credentials => {
	const cookieValue = createHmac('sha256', token).update(`cookie ${instance}`).digest('base64url');
	return {
		cookieName: `agent-manager-${instance.slice(0, 8)}`,
		cookieValue,
		isToken: (candidate) => sameSecret(candidate, token),
		isCookie: (candidate) => sameSecret(candidate, cookieValue)
	};
};

const bearerOf = (authorization: string | null): string | null =>
	/^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1] ?? null;

const unauthorized = (): WireError => wireError('unauthorized', 'Sign in first.');

/**
 * null: go on. A cookie alone is believed for a change only when the browser says that our own page
 * sent it; the origin itself has been compared before.
 */
export const checkCredentials = (
	credentials: Credentials,
	request: RequestCredentials
): WireError | null => {
	if (request.authorization !== null) {
		const bearer = bearerOf(request.authorization);
		return bearer !== null && credentials.isToken(bearer) ? null : unauthorized();
	}
	if (request.cookie === null || !credentials.isCookie(request.cookie)) return unauthorized();
	const isRead = request.method === 'GET' || request.method === 'HEAD';
	const fromOwnPage = request.origin !== null || request.fetchSite === 'same-origin';
	return isRead || fromOwnPage ? null : unauthorized();
};

/** The named cookie of a `Cookie` header. */
export const cookieOf = (header: string | undefined, name: string): string | null => {
	for (const part of (header ?? '').split(';')) {
		const [key, ...value] = part.trim().split('=');
		if (key === name) return value.join('=');
	}
	return null;
};
