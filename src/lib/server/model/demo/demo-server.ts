/** The demo model on a port of the loopback, for benches and tests that need no manager. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDemoModel, type DemoModelOptions } from './demo-model.ts';

export interface DemoServer {
	port: number;
	/** For `ANTHROPIC_BASE_URL`. */
	baseUrl: string;
	close(): Promise<void>;
}

/** `port` 0 takes a free one. Rejects when the port is taken. */
export async function createDemoServer(
	options: DemoModelOptions & { port?: number } = {}
): Promise<DemoServer> {
	const model = createDemoModel(options);
	const server = createServer((req, res) => {
		model.handle(req, res).catch(() => res.destroy());
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(options.port ?? 0, '127.0.0.1', resolve);
	});
	const { port } = server.address() as AddressInfo;
	return {
		port,
		baseUrl: `http://127.0.0.1:${port}`,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			})
	};
}
