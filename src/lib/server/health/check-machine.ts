/** The port, the disk and the workspace folder. */
import { constants } from 'node:fs';
import { access, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { failed, good, warning, type Check } from './check.ts';

const GIB = 2 ** 30;
const SCARCE_BYTES = 5 * GIB;
const TOO_LITTLE_BYTES = 0.5 * GIB;
const ANSWER_TIMEOUT_MS = 2_000;

export async function checkPort(host: string, port: number): Promise<Check> {
	const name = 'Port';
	if (port === 0) return good(name, 'any free one');
	const trouble = await tryListen(host, port);
	if (trouble === null) return good(name, `${port} on ${host} is free`);
	if (trouble !== 'EADDRINUSE') {
		return failed(name, `${port} on ${host}: ${trouble}`, 'Correct HOST or choose another PORT.');
	}
	if ((await serverName(host, port)) === 'agent-manager') {
		return good(name, `${port} on ${host}: Agent Manager runs there`);
	}
	return failed(
		name,
		`${port} on ${host} is taken by another program`,
		`Choose another one: PORT=${port === 65_535 ? 3001 : port + 1} npm start`
	);
}

function tryListen(host: string, port: number): Promise<string | null> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
		server.listen({ host, port }, () => server.close(() => resolve(null)));
	});
}

/** The `server` header of who answers; null when nobody does. */
function serverName(host: string, port: number): Promise<string | null> {
	const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
	return new Promise((resolve) => {
		const asking = request(
			{ host: name, port, method: 'HEAD', timeout: ANSWER_TIMEOUT_MS },
			(answer) => {
				answer.resume();
				resolve(String(answer.headers['server'] ?? ''));
			}
		);
		asking.on('timeout', () => asking.destroy());
		asking.on('error', () => resolve(null));
		asking.end();
	});
}

/** The folder, writable and with room; when it is not there yet, the place where it will be. */
export async function checkWorkspace(workspaceRoot: string): Promise<Check[]> {
	const there = await stat(workspaceRoot).catch(() => null);
	if (there !== null && !there.isDirectory()) {
		return [failed('Workspace', `${workspaceRoot} is no folder`, 'Choose another WORKSPACE_ROOT.')];
	}
	const place = there === null ? await nearestFolder(workspaceRoot) : workspaceRoot;
	const trouble = there === null ? await mayCreateIn(place) : await tryWrite(workspaceRoot);
	const row =
		trouble === null
			? good(
					'Workspace',
					there === null ? `${workspaceRoot}, made at the first start` : workspaceRoot
				)
			: failed(
					'Workspace',
					`${place} can’t be written: ${trouble}`,
					'Give yourself the right to write there, or choose another WORKSPACE_ROOT.'
				);
	return [row, await checkDisk(place), await checkToken(workspaceRoot)];
}

async function nearestFolder(path: string): Promise<string> {
	const found = await stat(path).catch(() => null);
	return found?.isDirectory() === true || dirname(path) === path
		? path
		: nearestFolder(dirname(path));
}

const reasonOf = (error: unknown): string =>
	(error as NodeJS.ErrnoException).code ?? (error as Error).message;

const mayCreateIn = (folder: string): Promise<string | null> =>
	access(folder, constants.W_OK | constants.X_OK).then(() => null, reasonOf);

/** Really writes: rights alone don't tell a read-only or full disk. */
async function tryWrite(folder: string): Promise<string | null> {
	const path = join(folder, `.doctor-${process.pid}`);
	try {
		await writeFile(path, 'x', { flag: 'wx' });
		return null;
	} catch (error) {
		return reasonOf(error);
	} finally {
		await rm(path, { force: true }).catch(() => undefined);
	}
}

async function checkDisk(folder: string): Promise<Check> {
	const { bavail, bsize } = await statfs(folder);
	return judgeDisk(bavail * bsize);
}

export function judgeDisk(freeBytes: number): Check {
	const found = `${(freeBytes / GIB).toFixed(1)} GiB free`;
	const advice = 'Free some, or move WORKSPACE_ROOT to a larger disk.';
	if (freeBytes < TOO_LITTLE_BYTES) return failed('Disk', found, advice);
	return freeBytes < SCARCE_BYTES ? warning('Disk', found, advice) : good('Disk', found);
}

async function checkToken(workspaceRoot: string): Promise<Check> {
	const name = 'Sign-in token';
	const path = join(workspaceRoot, 'token');
	const found = await stat(path).catch(() => null);
	if (found === null) return good(name, 'made at the first start');
	if (process.platform === 'win32' || (found.mode & 0o077) === 0) return good(name, path);
	return warning(name, `${path} can be read by others`, `Run: chmod 600 ${path}`);
}
