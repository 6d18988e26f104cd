import { createServer, request, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import { shutdownHandler } from './shutdown.ts';

let server: Server | null = null;

afterEach(() => {
	server?.closeAllConnections();
	server?.close();
});

/** A server with a handler whose every step is written down; `exited` resolves with the code. */
async function start(stopApp: () => Promise<void> | undefined) {
	const log: string[] = [];
	const clock = { ms: 0 };
	server = createServer((_req, res) => res.end('ok'));
	server.on('close', () => log.push('server closed'));
	const port = await listen(server, '127.0.0.1', 0);
	let onExit: (code: number) => void = () => undefined;
	const exited = new Promise<number>((resolve) => (onExit = resolve));
	const signal = shutdownHandler({
		server,
		stopApp: () => {
			log.push('app told');
			return stopApp();
		},
		exit: onExit,
		report: (text) => log.push(text),
		now: () => clock.ms
	});
	return { log, clock, exited, signal, port };
}

describe('ending', () => {
	it('stops the app before the server, then the process', async () => {
		const { signal, exited, log } = await start(async () => undefined);
		signal('SIGTERM');
		expect(await exited).toBe(0);
		expect(log).toEqual(['app told', 'server closed']);
	});

	it('works while the app is not there yet', async () => {
		const { signal, exited } = await start(() => undefined);
		signal('SIGINT');
		expect(await exited).toBe(0);
	});

	it('closes the server and says why when the app cannot stop', async () => {
		const { signal, exited, log } = await start(() => Promise.reject(new Error('database gone')));
		signal('SIGTERM');
		expect(await exited).toBe(1);
		expect(log).toContain('Shutdown failed: database gone\n');
		expect(log).toContain('server closed');
	});

	it('does not wait for a connection that was upgraded', async () => {
		const { signal, exited, port } = await start(async () => undefined);
		server?.on('upgrade', (_req, socket) => {
			socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
		});
		const req = request({ port, headers: { connection: 'upgrade', upgrade: 'x' } }).end();
		const client = await new Promise<import('node:net').Socket>((resolve) =>
			req.on('upgrade', (_res, socket) => resolve(socket))
		);
		signal('SIGTERM');
		expect(await exited).toBe(0);
		client.destroy();
	});
});

describe('a second signal', () => {
	const forever = () => new Promise<void>(() => undefined);

	it('ends at once', async () => {
		const { signal, exited, clock } = await start(forever);
		signal('SIGINT');
		clock.ms = 2000;
		signal('SIGINT');
		expect(await exited).toBe(130);
	});

	it('is the same one when it comes with the first: from the terminal and from npm', async () => {
		const { signal, clock, log } = await start(forever);
		signal('SIGINT');
		clock.ms = 5;
		signal('SIGINT');
		expect(log).toEqual(['app told']);
	});
});
