/**
 * The HTTP side of the door: which path needs which token, and who answers. One of these listens on
 * each session's socket.
 */
import {
	createServer,
	STATUS_CODES,
	type IncomingMessage,
	type Server,
	type ServerResponse
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { authorizationToken, modelTokens, proxyToken } from './door-token.ts';
import type { EgressDecision } from './egress-policy.ts';
import { refuse, serveConnect, type EgressDenial, type EgressNetwork } from './egress-proxy.ts';

export interface DoorSession {
	sessionId: string;
	epoch: number;
}

/** What is behind the door; given by `app.ts`. */
export interface DoorHandlers {
	/** A runner is connected and its token was right. Who it is stands in `session`, not in a frame. */
	runner(socket: WebSocket, session: DoorSession): void;
	/** A request to `/model/*`; `req.url` is what follows `/model`. */
	model(req: IncomingMessage, res: ServerResponse, session: DoorSession): void;
	/** A request to `/mcp`: who it is stands in `session`, whether it may is for the handler to say. */
	mcp(req: IncomingMessage, res: ServerResponse, session: DoorSession): void;
	/** A request for `/attachments/{id}`: what goes along with a message of this session. */
	attachment(id: string, res: ServerResponse, session: DoorSession): void;
	egress(sessionId: string, host: string, port: number): EgressDecision | Promise<EgressDecision>;
	/** Settles when it is written down, or can't be. */
	egressDenied(sessionId: string, denial: EgressDenial): void | Promise<void>;
}

/** A session as the server sees it: what was opened in its name, so that it can be closed. */
export interface OpenSession extends DoorSession {
	runners: Set<WebSocket>;
	connections: Set<Duplex>;
	/** Ways out that are being decided, and denials that are not written down yet. */
	unsettled: number;
}

export interface DoorServerOptions {
	/** The session of a token, or null. Compares in constant time. */
	find: (token: string) => OpenSession | null;
	handlers: DoorHandlers;
	network: EgressNetwork;
	logger: Logger;
	maxConnections: number;
}

const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const MAX_TUNNELS = 128;
/** Above it nothing is decided: who asks faster than the log can take it would fill our memory. */
const MAX_UNSETTLED = 128;
const TOO_MANY = 'Too many connections of this session.';
const LIMITS = {
	maxHeaderSize: 16 * 1024,
	headersTimeout: 15_000,
	// The time to send a request; an answer may take as long as it likes.
	requestTimeout: 300_000,
	keepAliveTimeout: 75_000
};

function sendJson(res: ServerResponse, status: number, body: object): void {
	const text = JSON.stringify(body);
	res.writeHead(status, {
		'content-type': 'application/json',
		'content-length': Buffer.byteLength(text),
		connection: 'close'
	});
	res.end(text);
}

const notFound = (res: ServerResponse): void =>
	sendJson(res, 404, { error: { code: 'not_found', message: 'There is nothing here.' } });

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

const pathOf = (req: IncomingMessage): string => (req.url ?? '').split('?')[0]!;

const findFirst = (
	find: DoorServerOptions['find'],
	tokens: (string | null)[]
): OpenSession | null => {
	let found: OpenSession | null = null;
	for (const token of tokens) found ??= token === null ? null : find(token);
	return found;
};

function keep(session: OpenSession, connection: Duplex): void {
	if (session.connections.has(connection)) return;
	session.connections.add(connection);
	connection.once('close', () => session.connections.delete(connection));
}

function admitted(
	session: OpenSession | null,
	req: IncomingMessage,
	res: ServerResponse
): DoorSession | null {
	if (!session) {
		const message = 'The token of this session is not valid any more.';
		sendJson(res, 403, { error: { code: 'unauthorized', message } });
		return null;
	}
	keep(session, req.socket);
	return { sessionId: session.sessionId, epoch: session.epoch };
}

/** Never throws and never rejects. */
async function tellDenied(
	{ handlers, logger }: DoorServerOptions,
	session: OpenSession,
	denial: EgressDenial
): Promise<void> {
	session.unsettled += 1;
	try {
		await handlers.egressDenied(session.sessionId, denial);
	} catch (error) {
		logger.error({ err: error, sessionId: session.sessionId }, 'a denial was not written down');
	} finally {
		session.unsettled -= 1;
	}
}

/** `GET http://host/…`: an unencrypted proxy request. Nothing is fetched on a sandbox's behalf. */
function denyPlainProxy(
	req: IncomingMessage,
	res: ServerResponse,
	session: OpenSession | null,
	options: DoorServerOptions
): void {
	if (!session) {
		return sendJson(res, 407, { error: { code: 'unauthorized', message: 'Token missing.' } });
	}
	if (session.unsettled >= MAX_UNSETTLED) {
		return sendJson(res, 503, { error: { code: 'forbidden_host', message: TOO_MANY } });
	}
	const url = URL.canParse(req.url ?? '') ? new URL(req.url!) : null;
	const reason = 'plain http requests are not let through, use https';
	const denial = { host: url?.hostname ?? 'unknown', port: Number(url?.port) || 80, reason };
	void tellDenied(options, session, denial);
	const message = `Agent Manager does not let this through: ${reason}.`;
	sendJson(res, 403, { error: { code: 'forbidden_host', message } });
}

function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
	if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
	const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
	refuse(socket, `${status} ${STATUS_CODES[status]}`, 'The request can not be read.');
}

/** The listener; the caller binds it. Every error of a connection ends there, never in the process. */
export function createDoorServer(options: DoorServerOptions): Server {
	const { handlers, logger } = options;
	const sockets = new WebSocketServer({
		noServer: true,
		maxPayload: MAX_FRAME_BYTES,
		perMessageDeflate: false,
		clientTracking: false
	});
	const findAny = (tokens: (string | null)[]): OpenSession | null =>
		findFirst(options.find, tokens);

	function onRequest(req: IncomingMessage, res: ServerResponse): void {
		if (/^https?:\/\//i.test(req.url ?? '')) {
			return denyPlainProxy(req, res, findAny([proxyToken(req)]), options);
		}
		const path = pathOf(req);
		if (path === '/mcp') return onMcp(req, res);
		if (path.startsWith('/attachments/')) return onAttachment(req, res);
		if (path !== '/model' && !path.startsWith('/model/')) return notFound(res);
		const session = findAny(modelTokens(req));
		if (!session) {
			// 403 and not 401: Claude Code goes on asking for a minute after a 401.
			const message = 'The token of this session is not valid any more.';
			return sendJson(res, 403, { type: 'error', error: { type: 'permission_error', message } });
		}
		keep(session, req.socket);
		req.url = req.url!.slice('/model'.length);
		if (!req.url.startsWith('/')) req.url = `/${req.url}`;
		handlers.model(req, res, { sessionId: session.sessionId, epoch: session.epoch });
	}

	/** The session of the request's token; null when it was refused. */
	const admit = (req: IncomingMessage, res: ServerResponse): DoorSession | null =>
		admitted(findAny([authorizationToken(req)]), req, res);

	function onMcp(req: IncomingMessage, res: ServerResponse): void {
		const session = admit(req, res);
		if (session) handlers.mcp(req, res, session);
	}

	function onAttachment(req: IncomingMessage, res: ServerResponse): void {
		const session = admit(req, res);
		if (!session) return;
		const id = pathOf(req).slice('/attachments/'.length);
		if (req.method !== 'GET' || !isUuid(id)) return notFound(res);
		handlers.attachment(id, res, session);
	}

	function onUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
		socket.on('error', () => socket.destroy());
		if (pathOf(req) !== '/runner') return refuse(socket, '404 Not Found', 'There is nothing here.');
		const session = findAny([authorizationToken(req)]);
		if (!session) return refuse(socket, '401 Unauthorized', 'The token is not valid.');
		sockets.handleUpgrade(req, socket, head, (runner) => {
			session.runners.add(runner);
			runner.once('close', () => session.runners.delete(runner));
			runner.on('error', (error) => logger.debug({ err: error }, 'runner socket failed'));
			handlers.runner(runner, { sessionId: session.sessionId, epoch: session.epoch });
		});
	}

	function onConnect(req: IncomingMessage, socket: Duplex, head: Buffer): void {
		socket.on('error', () => socket.destroy());
		const session = findAny([proxyToken(req)]);
		if (!session) {
			return refuse(socket, '407 Proxy Authentication Required', 'Token missing or wrong.', [
				'Proxy-Authenticate: Bearer'
			]);
		}
		const { sessionId } = session;
		if (session.connections.size >= MAX_TUNNELS || session.unsettled >= MAX_UNSETTLED) {
			return refuse(socket, '503 Service Unavailable', TOO_MANY);
		}
		keep(session, socket);
		session.unsettled += 1;
		serveConnect(req, socket, head, {
			decide: (host, port) => handlers.egress(sessionId, host, port),
			denied: (denial) => void tellDenied(options, session, denial),
			network: options.network
		})
			.catch((error: unknown) => {
				logger.error({ err: error, sessionId }, 'egress failed');
				socket.destroy();
			})
			.finally(() => (session.unsettled -= 1));
	}

	const server = createServer({ ...LIMITS, noDelay: true }, (req, res) => {
		res.on('error', () => res.destroy());
		try {
			onRequest(req, res);
		} catch (error) {
			logger.error({ err: error }, 'door request failed');
			if (res.headersSent) res.destroy();
			else sendJson(res, 500, { error: { code: 'internal', message: 'The door failed.' } });
		}
	});
	server.maxConnections = options.maxConnections;
	server.on('upgrade', onUpgrade);
	server.on('connect', onConnect);
	server.on('clientError', onClientError);
	server.on('connection', (socket: Socket) => socket.on('error', () => socket.destroy()));
	return server;
}
