/**
 * What `node build` runs. The order matters: the environment is read first, because adapter-node's
 * handler reads it at import; the port is taken second, so that a taken one is found out before a
 * database is started; the app starts last. Early requests wait for it a moment, and are told 503 then.
 *
 * What it shares with the app goes over well-known symbols on `globalThis`, because the app is a
 * separate bundle (`handler.js`):
 * - `agent-manager.listening`: set here before the app starts, `{ host, port, origin }`.
 * - `agent-manager.waiting`: set by the app while its start waits for something, in words.
 * - `agent-manager.upgrade`: set by the app, `(req, socket, head) => void`, answers `/ws`.
 * - `agent-manager.shutdown`: set by the app, `() => Promise<void>`, awaited before the server closes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { readEnvironment, type ServerEnvironment } from './environment.ts';
import { listen, originOf, SERVER_NAME } from './listen.ts';
import { shutdownHandler } from './shutdown.ts';
import { answerStarting, waitsFor } from './starting.ts';

type Handler = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;
type Upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

const shared = globalThis as unknown as Record<symbol, unknown>;
const LISTENING = Symbol.for('agent-manager.listening');
const UPGRADE = Symbol.for('agent-manager.upgrade');
const SHUTDOWN = Symbol.for('agent-manager.shutdown');

const START_GRACE_MS = 3000;
/** Most starts take less: a browser that comes early just waits. */
const EARLY_PATIENCE_MS = 5000;
const EARLY_LOOK_MS = 50;

/** Says why the app could not start, without a stack if the error carries its own hint. */
function failStart(error: unknown): never {
	const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
	const words =
		error instanceof Error && 'hint' in error ? `${error.message}\n${error.hint ?? ''}` : stack;
	process.stderr.write(`\nAgent Manager could not start.\n${words.trimEnd()}\n\n`);
	process.exit(1);
}

/** The app, or null when it is known or likely that it takes longer. */
async function inTime(ready: Promise<Handler>): Promise<Handler | null> {
	const end = performance.now() + EARLY_PATIENCE_MS;
	while (performance.now() < end && waitsFor() === null) {
		const handler = await Promise.race([ready, setTimeout(EARLY_LOOK_MS, null)]);
		if (handler) return handler;
	}
	return Promise.race([ready, setTimeout(0, null)]);
}

function answerRequests(server: Server, ready: Promise<Handler>, protocolHeader: string | null) {
	let app: Handler | null = null;
	void ready.then((handler) => (app = handler));
	server.on('request', (req: IncomingMessage, res: ServerResponse) => {
		res.setHeader('server', SERVER_NAME);
		res.setHeader('x-content-type-options', 'nosniff');
		// Overwrites whatever the client sent: only a proxy named by PROTOCOL_HEADER may say https.
		if (protocolHeader) req.headers[protocolHeader] = 'http';
		const notFound = () => res.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n');
		void (app ? Promise.resolve(app) : inTime(ready)).then((handler) =>
			handler ? handler(req, res, notFound) : answerStarting(req, res, waitsFor())
		);
	});
}

function answerUpgrades(server: Server, ready: Promise<Handler>) {
	server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
		socket.on('error', () => socket.destroy());
		void inTime(ready).then((handler) => {
			if (!handler) {
				return socket.end(
					'HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'
				);
			}
			const upgrade = shared[UPGRADE] as Upgrade | undefined;
			if (upgrade && req.url?.split('?')[0] === '/ws') return upgrade(req, socket, head);
			socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
		});
	});
}

async function start(server: Server, { host, port }: ServerEnvironment): Promise<Handler> {
	const actualPort = await listen(server, host, port);
	shared[LISTENING] = { host, port: actualPort, origin: originOf(host, actualPort) };
	const module = (await import('./handler.js' as string)) as { handler: Handler };
	return module.handler;
}

/**
 * Lets a start that is under way come to its end first, for a while: what it started (the database)
 * would be left behind. A start that waits for something does not hold us longer.
 */
async function stopApp(ready: Promise<Handler>): Promise<void> {
	if (!shared[SHUTDOWN]) {
		await Promise.race([ready.catch(() => undefined), setTimeout(START_GRACE_MS)]);
	}
	await (shared[SHUTDOWN] as (() => Promise<void>) | undefined)?.();
}

function main(): void {
	const environment = readEnvironment();
	const server = createServer();
	const ready = start(server, environment);
	ready.catch(failStart);
	answerRequests(server, ready, environment.protocolHeader);
	answerUpgrades(server, ready);
	const onSignal = shutdownHandler({
		server,
		stopApp: () => stopApp(ready),
		exit: (code) => process.exit(code),
		report: (text) => process.stderr.write(text),
		now: () => performance.now()
	});
	process.on('SIGTERM', onSignal);
	process.on('SIGINT', onSignal);
}

try {
	main();
} catch (error) {
	failStart(error);
}
