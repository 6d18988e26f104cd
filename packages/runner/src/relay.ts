/**
 * Offers the door on the sandbox's loopback, where the agent's HTTP client and its tools can reach
 * it. Plain bytes both ways, since it lies in the path of every token: the agent's own requests carry
 * the session's token already, and what comes as a proxy request gets it put into its first head.
 * While the manager restarts, connections wait for the door instead of failing.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { DoorAddress } from './environment.ts';

/** A connection waits as long as this for a door that is not there, and looks as often as this. */
const DOOR_PATIENCE_MS = 60_000;
const DOOR_RETRY_MS = 100;

const HEAD_END = Buffer.from('\r\n');
/** A request line longer than this is no proxy request of ours. */
const MAX_REQUEST_LINE = 16_384;

export interface Relay {
	port: number;
	close(): void;
}

/** Proxy requests name a host: `CONNECT host:port` or `GET http://host/…`. */
const isProxyRequest = (line: string): boolean => /^(CONNECT \S|[A-Z]+ http:\/\/)/.test(line);

/** The first bytes with the token put after the request line, or null when the line is not whole yet. */
export const authorizeHead = (bytes: Buffer, token: string): Buffer | null => {
	const end = bytes.indexOf(HEAD_END);
	if (end < 0) return bytes.length < MAX_REQUEST_LINE ? null : bytes;
	if (!isProxyRequest(bytes.toString('latin1', 0, end))) return bytes;
	const header = Buffer.from(`\r\nProxy-Authorization: Bearer ${token}`);
	return Buffer.concat([bytes.subarray(0, end), header, bytes.subarray(end)]);
};

/** Connects to the door, waiting for one that is about to come back. Null when it does not, or `gone`. */
const reachDoor = (
	door: DoorAddress,
	patienceMs: number,
	gone: AbortSignal
): Promise<Socket | null> =>
	new Promise((resolve) => {
		const giveUpAt = performance.now() + patienceMs;
		const attempt = (): void => {
			if (gone.aborted) return resolve(null);
			const socket = connect(door.socketPath);
			socket.setNoDelay(true);
			socket.once('connect', () => {
				socket.removeAllListeners('error');
				resolve(socket);
			});
			socket.once('error', () => {
				socket.destroy();
				if (performance.now() > giveUpAt) resolve(null);
				else setTimeout(attempt, DOOR_RETRY_MS).unref();
			});
		};
		attempt();
	});

const join = (inside: Socket, outside: Socket): void => {
	outside.on('error', () => inside.destroy());
	inside.on('error', () => outside.destroy());
	outside.on('close', () => inside.destroy());
	inside.on('close', () => outside.destroy());
	inside.pipe(outside);
	outside.pipe(inside);
};

const serve = async (
	inside: Socket,
	options: { door: DoorAddress; token: string; patienceMs: number }
): Promise<void> => {
	const gone = new AbortController();
	inside.setNoDelay(true);
	inside.on('error', () => inside.destroy());
	inside.on('close', () => gone.abort());
	let head: Buffer = Buffer.alloc(0);
	let first: Buffer | null = null;
	// Reached while the head is still coming: the agent opens connections before it needs them.
	const reaching = reachDoor(options.door, options.patienceMs, gone.signal);
	while (first === null) {
		const chunk = await nextChunk(inside);
		if (chunk === null) break;
		head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
		first = authorizeHead(head, options.token);
	}
	const outside = await reaching;
	if (outside === null || inside.destroyed || first === null) {
		inside.destroy();
		outside?.destroy();
		return;
	}
	outside.write(first);
	join(inside, outside);
};

const nextChunk = (socket: Socket): Promise<Buffer | null> =>
	new Promise((resolve) => {
		const settle = (chunk: Buffer | null): void => {
			socket.off('data', onData).off('close', onEnd).off('end', onEnd);
			socket.pause();
			resolve(chunk);
		};
		const onData = (chunk: Buffer): void => settle(chunk);
		const onEnd = (): void => settle(null);
		socket.on('data', onData).on('close', onEnd).on('end', onEnd);
		if (socket.destroyed || socket.readableEnded) onEnd();
		else socket.resume();
	});

/** Listens on 127.0.0.1. Errors: those of `listen`. */
export const startRelay = (options: {
	door: DoorAddress;
	token: string;
	/** 0: any free one. */
	port: number;
	patienceMs?: number;
}): Promise<Relay> => {
	const patienceMs = options.patienceMs ?? DOOR_PATIENCE_MS;
	const sockets = new Set<Socket>();
	const server: Server = createServer((socket) => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		void serve(socket, { door: options.door, token: options.token, patienceMs });
	});
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(options.port, '127.0.0.1', () => {
			const address = server.address();
			const port = address !== null && typeof address === 'object' ? address.port : options.port;
			resolve({
				port,
				close: () => {
					server.close();
					for (const socket of sockets) socket.destroy();
				}
			});
		});
	});
};
