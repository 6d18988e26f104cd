/**
 * `/ws` in development: hands its upgrade to the app's own module, loaded through Vite so that it
 * shares one module graph with the routes. Vite's own upgrades (hot reload) are left alone.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Plugin, ViteDevServer } from 'vite';
import { originOf } from './listen.ts';

type AttachModule = {
	handleUpgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
};

const ATTACH_MODULE = '/src/lib/server/websocket/attach.ts';

async function attach(vite: ViteDevServer, req: IncomingMessage, socket: Duplex, head: Buffer) {
	try {
		const module = (await vite.ssrLoadModule(ATTACH_MODULE)) as AttachModule;
		module.handleUpgrade(req, socket, head);
	} catch (error) {
		const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
		vite.config.logger.error(words);
		socket.destroy();
	}
}

/** SvelteKit starts the app at the first request in development: make that one ourselves. */
async function startApp(vite: ViteDevServer, address: AddressInfo): Promise<void> {
	const origin = originOf(address.address, address.port);
	(globalThis as unknown as Record<symbol, unknown>)[Symbol.for('agent-manager.listening')] = {
		host: address.address,
		port: address.port,
		origin
	};
	try {
		await fetch(origin, { redirect: 'manual' });
	} catch (error) {
		vite.config.logger.warn(`The first request failed: ${String(error)}`);
	}
}

export function devWebSocket(): Plugin {
	return {
		name: 'agent-manager-dev-websocket',
		apply: 'serve',
		configureServer(vite) {
			const server = vite.httpServer;
			if (!server) return;
			const started = new Promise<void>((resolve) => {
				server.once('listening', () => {
					startApp(vite, server.address() as AddressInfo).then(resolve, resolve);
				});
			});
			server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
				if (req.url?.split('?')[0] !== '/ws') return;
				socket.on('error', () => socket.destroy());
				void started.then(() => attach(vite, req, socket, head));
			});
		}
	};
}
