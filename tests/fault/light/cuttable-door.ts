/**
 * A door before the door: bytes both ways, until they are cut in the middle. A network that breaks
 * says nothing to either side, and it does not wait for the end of a frame.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class CuttableDoor {
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();

	private constructor(server: Server) {
		this.#server = server;
	}

	/** Listens at `path` and passes everything on to the socket at `target`. */
	static open(path: string, target: string): Promise<CuttableDoor> {
		const server = createServer();
		const door = new CuttableDoor(server);
		server.on('connection', (inside) => door.#join(inside, connect(target)));
		return new Promise((resolve, reject) => {
			server.once('error', reject);
			server.listen(path, () => resolve(door));
		});
	}

	cut(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	close(): void {
		this.#server.close();
		this.cut();
	}

	#join(...pair: [Socket, Socket]): void {
		const [inside, outside] = pair;
		for (const socket of pair) {
			this.#sockets.add(socket);
			socket.on('error', () => undefined);
			socket.on('close', () => {
				this.#sockets.delete(socket);
				for (const other of pair) other.destroy();
			});
		}
		inside.pipe(outside);
		outside.pipe(inside);
	}
}
