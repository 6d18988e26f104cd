/**
 * The service `engine` of compose.yaml. Listens on a socket for each grant, in a folder that only the services
 * share which may use it. Its own user is root, who owns the engine's socket, without any of root's rights but
 * that to look into the workspace.
 */
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createEngineProxy } from './engine-proxy.ts';
import { engineAt } from './engine-client.ts';
import type { Grant } from './engine-rules.ts';

const environment = z.object({
	ENGINE_SOCKET: z.string().startsWith('/'),
	/** The engine's socket as the machine calls it. */
	ENGINE_SOCKET_NAME: z.string(),
	/** One folder a grant is below it. */
	PROXY_FOLDER: z.string().startsWith('/'),
	CONTAINER_IMAGE: z.string().min(1),
	WORKSPACE_ROOT: z.string().startsWith('/'),
	OWNER: z.string().regex(/^[1-9]\d*:[1-9]\d*$/)
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const main = async (): Promise<void> => {
	const env = environment.parse(process.env);
	const engine = engineAt(env.ENGINE_SOCKET);
	const rules = { image: env.CONTAINER_IMAGE, workspace: env.WORKSPACE_ROOT, owner: env.OWNER };
	const grants: Grant[] = ['sandboxes', 'image'];
	for (const grant of grants) {
		const path = join(env.PROXY_FOLDER, grant, 'docker.sock');
		const socketName = env.ENGINE_SOCKET_NAME;
		const server = createEngineProxy({ engine, rules, grant, socketName, say });
		await rm(path, { force: true });
		await new Promise<void>((resolve, reject) => {
			server.once('error', reject);
			server.listen(path, resolve);
		});
		// The folder is the fence: it is mounted into one service.
		await chmod(path, 0o666);
		process.on('SIGTERM', () => server.close().closeAllConnections());
	}
	say(`the engine's proxy listens, for sandboxes of ${rules.image} in ${rules.workspace}`);
};

/** For the health check: whether the engine answers through us. */
const check = async (): Promise<void> => {
	const { PROXY_FOLDER } = environment.parse(process.env);
	const { status } = await engineAt(join(PROXY_FOLDER, 'sandboxes', 'docker.sock')).ask('/_ping');
	process.exitCode = status === 200 ? 0 : 1;
};

await (process.argv.includes('--check') ? check() : main());
