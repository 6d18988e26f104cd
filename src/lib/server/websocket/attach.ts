/**
 * `/ws`: checks where an upgrade comes from and who sent it before it answers 101, then hands the
 * socket to a browser connection. No SvelteKit hook sees an upgrade, so the checks are made here.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { CLIENT_FRAME_MAX_BYTES, BROWSER_CLOSE } from '@agent-manager/protocol/browser-frames.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { ERROR_TABLE, wireError } from '#lib/domain/errors.ts';
import { checkCredentials, cookieOf, type Credentials } from '#lib/server/access/credentials.ts';
import { checkOrigin, type OriginPolicy } from '#lib/server/access/origin-policy.ts';
import { BrowserConnection } from './browser-connection.ts';
import type { BrowserServices } from './viewer.ts';

export interface WebSocketEdge {
	policy: OriginPolicy;
	/** null: the app runs without sign-in, on loopback only. */
	credentials: Credentials | null;
	services: BrowserServices;
}

/** Everybody is told the same. */
export interface ClosedEdge {
	refusal: WireError;
}

/** On `globalThis`, because hot reload in development loads this module anew. */
const EDGE = Symbol.for('agent-manager.websocket');
const shared = globalThis as unknown as Record<symbol, WebSocketEdge | ClosedEdge | undefined>;

const server = new WebSocketServer({
	noServer: true,
	maxPayload: CLIENT_FRAME_MAX_BYTES,
	perMessageDeflate: false
});

/** Sets what upgrades are answered with. */
export const setWebSocketEdge = (edge: WebSocketEdge | ClosedEdge): void => {
	shared[EDGE] = edge;
};

const refuseUpgrade = (socket: Duplex, error: WireError): void => {
	const { httpStatus } = ERROR_TABLE[error.code];
	const body = JSON.stringify({ error });
	socket.end(
		`HTTP/1.1 ${httpStatus} Refused\r\nconnection: close\r\ncontent-type: application/json\r\n` +
			`content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
	);
};

const single = (header: string | string[] | undefined): string | null =>
	typeof header === 'string' ? header : null;

const checkUpgrade = ({ policy, credentials }: WebSocketEdge, req: IncomingMessage) => {
	const origin = single(req.headers.origin);
	const fetchSite = single(req.headers['sec-fetch-site']);
	// An upgrade opens a way to change things, so it counts as a change.
	const request = { method: 'POST', host: req.headers.host ?? null, origin, fetchSite };
	const refused = checkOrigin(policy, request);
	if (refused || credentials === null) return refused;
	return checkCredentials(credentials, {
		method: 'POST',
		authorization: req.headers.authorization ?? null,
		cookie: cookieOf(req.headers.cookie, credentials.cookieName),
		origin,
		fetchSite
	});
};

export function handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
	const edge = shared[EDGE];
	if (!edge) return refuseUpgrade(socket, wireError('starting_up', 'The app is not ready.'));
	if ('refusal' in edge) return refuseUpgrade(socket, edge.refusal);
	const refused = checkUpgrade(edge, req);
	if (refused) return refuseUpgrade(socket, refused);
	server.handleUpgrade(req, socket, head, (ws) => new BrowserConnection(ws, edge.services));
}

/** Tells every browser that the app goes away; they reconnect by themselves. */
export const closeAllBrowsers = (): void => {
	for (const ws of server.clients) ws.close(BROWSER_CLOSE.goingAway, 'the app is going away');
};
