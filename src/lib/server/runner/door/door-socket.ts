/**
 * Binds a session's socket in its door directory. The path may be longer than the 108 bytes a
 * socket address holds, and a part of it could be swapped for a link: so the directory is opened once,
 * without following a link, and the socket is made relative to it through /proc/self/fd.
 */
import { constants } from 'node:fs';
import { open, unlink, chmod, chown, type FileHandle } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';

export const DOOR_SOCKET = 'door.sock';

/** Longest path that every system takes as a socket's address. */
const SUN_PATH_MAX = 103;

export interface BoundSocket {
	/** Stops listening and removes the socket. Open connections are not touched, nor waited for. */
	unbind(): Promise<void>;
}

const ignoreMissing = (error: NodeJS.ErrnoException): void => {
	if (error.code !== 'ENOENT') throw error;
};

/**
 * Who may connect: the owner of the directory, which is the uid the sandbox runs as. Where a root
 * manager owns it itself, anybody who gets into the directory: the token decides then.
 */
async function admit(directory: FileHandle, socketPath: string): Promise<void> {
	const { uid, gid } = await directory.stat();
	const own = process.getuid?.();
	if (own === 0 && uid !== 0) await chown(socketPath, uid, gid);
	await chmod(socketPath, own === 0 && uid === 0 ? 0o666 : 0o600);
}

const listen = (server: Server, path: string): Promise<void> =>
	new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen({ path }, () => {
			server.off('error', reject);
			resolve();
		});
	});

/** Listens on `<directory>/door.sock`, in place of one that was left there. Throws system errors. */
export async function bindDoorSocket(server: Server, directory: string): Promise<BoundSocket> {
	const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
	const handle = await open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	const path =
		process.platform === 'linux'
			? `/proc/self/fd/${handle.fd}/${DOOR_SOCKET}`
			: join(directory, DOOR_SOCKET);
	try {
		if (path.length > SUN_PATH_MAX) {
			throw Object.assign(new Error(`the path of the door is too long: ${path}`), {
				code: 'ENAMETOOLONG'
			});
		}
		await unlink(path).catch(ignoreMissing);
		await listen(server, path);
		await admit(handle, path);
	} catch (error) {
		server.close();
		await handle.close();
		throw error;
	}
	return {
		// The listener is gone, and its socket unlinked through this path, when `close` returns; only then
		// may the number of the handle be used for something else.
		unbind: async () => {
			server.close();
			await unlink(path).catch(ignoreMissing);
			await handle.close();
		}
	};
}
