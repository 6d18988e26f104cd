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

function onUpgrade(vite: ViteDevServer, req: IncomingMessage, socket: Duplex, head: Buffer): void {
	if (req.url?.split('?')[0] !== '/ws') return;
	socket.on('error', () => socket.destroy());
	vite
		.ssrLoadModule(ATTACH_MODULE)
		.then((module) => (module as AttachModule).handleUpgrade(req, socket, head))
		.catch((error: unknown) => {
			vite.config.logger.error(
				error instanceof Error ? (error.stack ?? error.message) : `${error}`
			);
			socket.destroy();
		});
}

/** SvelteKit starts the app at the first request in development: make that one ourselves. */
function onListening(vite: ViteDevServer, address: AddressInfo): void {
	const origin = originOf(address.address, address.port);
	(globalThis as unknown as Record<symbol, unknown>)[Symbol.for('agent-manager.listening')] = {
		host: address.address,
		port: address.port,
		origin
	};
	fetch(origin).catch((error: unknown) => vite.config.logger.warn(`Warm-up failed: ${error}`));
}

export function devWebSocket(): Plugin {
	return {
		name: 'agent-manager-dev-websocket',
		apply: 'serve',
		configureServer(vite) {
			const server = vite.httpServer;
			if (!server) return;
			server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) =>
				onUpgrade(vite, req, socket, head)
			);
			server.once('listening', () => onListening(vite, server.address() as AddressInfo));
		}
	};
}
