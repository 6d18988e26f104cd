/**
 * Starts the app once, and guards every request: host and origin first, then who it is. What a hook
 * does not see, the upgrade to `/ws`, is guarded in `websocket/attach.ts` by the same functions.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { redirect, type Handle, type HandleServerError, type ServerInit } from '@sveltejs/kit';
import { wireError } from '#lib/domain/errors.ts';
import { checkCredentials } from '#lib/server/access/credentials.ts';
import { checkOrigin, type OriginPolicy } from '#lib/server/access/origin-policy.ts';
import { refuse } from '#lib/server/api/answer.ts';
import { getApp, getStandby, startApp, type App } from '#lib/server/app.ts';
import type { Standby } from '#lib/server/app-standby.ts';

export const init: ServerInit = async () => {
	await startApp();
};

/** Paths that tell nothing and change nothing, or are the way in. */
const OPEN_PATHS = new Set(['/sign-in', '/api/sign-in', '/api/health']);

/** For programs: refused with an error they can read, never led to the page to sign in. */
const isApi = (pathname: string): boolean =>
	pathname.startsWith('/api/') || pathname === '/metrics' || pathname === '/mcp';

const isSignedIn = (app: App, event: Parameters<Handle>[0]['event']): boolean => {
	const { credentials } = app;
	if (credentials === null) return true;
	const { request, cookies } = event;
	const refused = checkCredentials(credentials, {
		method: request.method,
		authorization: request.headers.get('authorization'),
		cookie: cookies.get(credentials.cookieName) ?? null,
		origin: request.headers.get('origin'),
		fetchSite: request.headers.get('sec-fetch-site')
	});
	return refused === null;
};

/** The link that the start prints: signs the browser in and takes the token out of the address. */
const signInByLink = (app: App, event: Parameters<Handle>[0]['event']): void => {
	const token = event.url.searchParams.get('token');
	if (event.request.method !== 'GET' || token === null || app.credentials === null) return;
	if (!app.credentials.isToken(token)) return;
	app.signIn(event.cookies);
	redirect(303, '/');
};

const withHeaders = (response: Response, pathname: string): Response => {
	response.headers.set('x-content-type-options', 'nosniff');
	response.headers.set('referrer-policy', 'no-referrer');
	response.headers.set('cross-origin-opener-policy', 'same-origin');
	response.headers.set('cross-origin-resource-policy', 'same-origin');
	response.headers.set('x-frame-options', 'DENY');
	if (!response.headers.has('content-security-policy')) {
		response.headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
	}
	if (isApi(pathname) && !response.headers.has('cache-control')) {
		response.headers.set('cache-control', 'no-store');
	}
	return response;
};

const checkSource = (policy: OriginPolicy, { method, headers }: Request): WireError | null =>
	checkOrigin(policy, {
		method,
		host: headers.get('host'),
		origin: headers.get('origin'),
		fetchSite: headers.get('sec-fetch-site')
	});

/** The pages' shell, and from the API who leads: it holds nothing that needs a sign-in. */
const answerAsStandby = async (
	{ originPolicy, refusal }: Standby,
	{ event, resolve }: Parameters<Handle>[0]
): Promise<Response> => {
	const { request, url } = event;
	const refused = checkSource(originPolicy(), request);
	const isPage = request.method === 'GET' && !isApi(url.pathname);
	const response = refused || !isPage ? refuse(refused ?? refusal) : await resolve(event);
	return withHeaders(response, url.pathname);
};

export const handle: Handle = async (input) => {
	const standby = getStandby();
	if (standby) return answerAsStandby(standby, input);
	const leave = getApp().traffic.enter();
	if (!leave) {
		const ending = refuse(wireError('shutting_down', 'The app is ending.'));
		ending.headers.set('connection', 'close');
		return withHeaders(ending, input.event.url.pathname);
	}
	try {
		return await answerRequest(input);
	} finally {
		leave();
	}
};

const answerRequest: Handle = async ({ event, resolve }) => {
	const app = getApp();
	const { request, url } = event;
	const refused = checkSource(app.originPolicy(), request);
	if (refused) return withHeaders(refuse(refused), url.pathname);
	if (url.pathname === '/sign-in') signInByLink(app, event);
	const signedIn = isSignedIn(app, event);
	if (!OPEN_PATHS.has(url.pathname) && !signedIn) {
		if (isApi(url.pathname) || request.method !== 'GET') {
			return withHeaders(refuse(wireError('unauthorized', 'Sign in first.')), url.pathname);
		}
		redirect(303, '/sign-in');
	}
	event.locals.app = app;
	event.locals.signedIn = signedIn;
	const response = await resolve(event);
	const error = isApi(url.pathname) ? apiError(event, response) : null;
	return withHeaders(error ? refuse(error) : response, url.pathname);
};

/** The error in the API's own shape where SvelteKit answered in its; null for an answer of ours. */
const apiError = (
	{ request, locals }: Parameters<Handle>[0]['event'],
	response: Response
): WireError | null => {
	if (locals.failure) return locals.failure;
	if (response.headers.get('content-type')?.includes('json')) return null;
	if (response.status === 405) {
		return wireError('method_not_allowed', `${request.method} is not answered here.`);
	}
	return response.status === 404
		? wireError('not_found', 'There is nothing under this address.')
		: null;
};

export const handleError: HandleServerError = ({ error, event, status }) => {
	if (status === 404) return { message: 'There is nothing under this address.', code: 'not_found' };
	const app = getApp();
	app.logger.error({ err: error, path: event.url.pathname }, 'request failed');
	event.locals.failure = app.explain(error);
	const { code, message, hint } = event.locals.failure;
	return { code, message, hint };
};
