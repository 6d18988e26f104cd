import { createServer, type AddressInfo } from 'node:net';

/** A port of loopback that nobody listens on. Somebody else may take it before it is used. */
export const freePort = (): Promise<number> =>
	new Promise((resolve) => {
		const server = createServer().listen(0, '127.0.0.1', () => {
			const { port } = server.address() as AddressInfo;
			server.close(() => resolve(port));
		});
	});
