/**
 * The database that comes with the app: a real PostgreSQL server on a unix socket, its data under
 * the workspace. It outlives the manager: after `kill -9` of the app the next start finds it by
 * its pid file, asks it over its socket whether it is the right one, and goes on with it. Nothing
 * here needs a lock of our own: two managers that start at once are told apart by a rename (who
 * made the data folder) and by PostgreSQL's own lock (who started the server).
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { errorCodeOf } from './connection-errors.ts';
import { preparePostgresBinaries, type PostgresBinaries } from './embedded-postgres-binaries.ts';
import {
	connectWhenReady,
	hasOtherClients,
	ServerEnded,
	tick,
	type Spawned
} from './embedded-postgres-connect.ts';
import { chooseUser, makeDataFolder, StartFailure, type Place } from './embedded-postgres-data.ts';
import {
	firstClosedFolder,
	makeSocketFolder,
	openLog,
	readLivePidFile,
	readPidFile,
	refreshSettings,
	removeStaleFiles
} from './embedded-postgres-folder.ts';
import { isPostmasterOf, spawnDetached } from './embedded-postgres-process.ts';

const RETRY_MS = 50;

export interface EmbeddedPostgresOptions {
	/** Usually `<workspaceRoot>/postgres`; made when it is not there. */
	folder: string;
	/** Told what is being done when it may take longer than a blink. */
	onStatus?: (message: string) => void;
	/** How long a server may take to be ready, recovery after a power loss included. */
	timeoutMs?: number;
	/** Short folder for the socket, should the workspace's path be too long. */
	runtimeFolder?: string;
	/** Settings on top of ours, by PostgreSQL's names. */
	settings?: Readonly<Record<string, string>>;
	/** `tcp`: a port on loopback, as on Windows. */
	transport?: 'socket' | 'tcp';
	/** Whether root may use a user namespace; found out when left out. */
	namespace?: boolean;
	/** The folder `native` of other binaries. */
	nativeFolder?: string;
}

export interface EmbeddedPostgres {
	/** For `pg`, with the password. Never show it. */
	readonly url: string;
	readonly dataFolder: string;
	/** `created`: a new data folder; `started`: the server was not running; `adopted`: it was. */
	readonly origin: 'created' | 'started' | 'adopted';
	readonly pid: number;
	/** Starts or adopts the server again should it have died. Parallel calls share one attempt. */
	ensureRunning(): Promise<Result<void, WireError>>;
	/**
	 * Shuts down, ending open transactions, and waits until the process is gone. With `unlessInUse`,
	 * leaves the server running while others are connected. Resolves to whether it is stopped.
	 */
	stop(options?: { unlessInUse?: boolean }): Promise<boolean>;
}

/** Starts the server, makes its data folder first if there is none, or adopts it if it runs. */
export async function startEmbeddedPostgres(
	options: EmbeddedPostgresOptions
): Promise<Result<EmbeddedPostgres, WireError>> {
	try {
		const started = await start(options);
		return ok(handleOf(options, started));
	} catch (error) {
		return fail(describe(error, options.folder));
	}
}

interface Started {
	url: string;
	dataFolder: string;
	origin: EmbeddedPostgres['origin'];
	pid: number;
}

function handleOf(options: EmbeddedPostgresOptions, first: Started): EmbeddedPostgres {
	let current = first;
	let reviving: Promise<Result<void, WireError>> | null = null;
	let stopped = false;
	const revive = async (): Promise<Result<void, WireError>> => {
		if (stopped) return fail(wireError('shutting_down', 'The database was stopped.'));
		// An empty one in its place would look like a loss that nobody has noticed.
		if (!existsSync(join(current.dataFolder, 'PG_VERSION'))) {
			return fail(dataGone(current.dataFolder));
		}
		try {
			current = await start(options);
			return ok();
		} catch (error) {
			return fail(describe(error, options.folder));
		}
	};
	return {
		url: first.url,
		dataFolder: first.dataFolder,
		origin: first.origin,
		get pid() {
			return current.pid;
		},
		ensureRunning: () => (reviving ??= revive().finally(() => (reviving = null))),
		stop: async ({ unlessInUse = false } = {}) => {
			if (unlessInUse && (await hasOtherClients(current.url))) return false;
			stopped = true;
			await reviving;
			await shutDown(current.dataFolder);
			return true;
		}
	};
}

const dataGone = (dataFolder: string): WireError =>
	wireError('database_unreachable', `The embedded database's folder ${dataFolder} is gone.`, {
		hint: 'Put it back, or a backup of it: the app goes on by itself. Or restart the app: it begins with an empty database.'
	});

/** As PostgreSQL says it, in several ways. */
const DISK_FULL = /No space left on device|Check free disk space|Disk quota exceeded/;

function describe(error: unknown, folder: string): WireError {
	if (error instanceof StartFailure) return error.wire;
	const message = error instanceof Error ? error.message : String(error);
	if (errorCodeOf(error) === 'ENOSPC' || DISK_FULL.test(message)) {
		return wireError('disk_full', `No space left for the embedded database in ${folder}.`);
	}
	const closed = ['EACCES', 'EPERM', 'EROFS'].includes(errorCodeOf(error) ?? '');
	return wireError('database_unreachable', `The embedded database did not start: ${message}`, {
		hint: closed
			? 'Give yourself the right to write there, or choose another WORKSPACE_ROOT.'
			: `See ${join(folder, 'postgres.log')}, or set DATABASE_URL to a PostgreSQL 15 or later.`
	});
}

/** Tries again while another manager, or the rest of a server that died, is in the way. */
async function start(options: EmbeddedPostgresOptions): Promise<Started> {
	const deadline = performance.now() + (options.timeoutMs ?? 60_000);
	for (;;) {
		try {
			return await attempt(options, deadline);
		} catch (error) {
			if (!(error instanceof ServerEnded) || !error.worthRetrying || performance.now() > deadline) {
				throw error;
			}
			await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
		}
	}
}

async function attempt(options: EmbeddedPostgresOptions, deadline: number): Promise<Started> {
	const place = await findPlace(options);
	const { dataFolder } = place;
	await waitWhileStopping(place, deadline, options.onStatus);
	const running = await readLivePidFile(dataFolder);
	if (running !== null) {
		const url = await connectWhenReady(place, null, deadline, options.onStatus);
		return { url, dataFolder, origin: 'adopted', pid: running.pid };
	}
	const binaries = await prepareBinaries(place, options);
	const created = await makeDataFolder(place, binaries, options.onStatus);
	await refreshSettings(dataFolder, place.user, options.settings ?? {});
	await removeStaleFiles(dataFolder, place.socketFolder);
	const server = await spawnServer(place, binaries);
	const url = await connectWhenReady(place, server, deadline, options.onStatus);
	const pid = (await readPidFile(dataFolder))?.pid ?? 0;
	return { url, dataFolder, origin: created ? 'created' : 'started', pid };
}

async function findPlace(options: EmbeddedPostgresOptions): Promise<Place> {
	await mkdir(dirname(options.folder), { recursive: true });
	await mkdir(options.folder, { recursive: true, mode: 0o700 });
	const folder = await realpath(options.folder);
	const dataFolder = join(folder, 'data');
	const user = await chooseUser(folder, dataFolder, options.namespace);
	const transport = options.transport ?? (process.platform === 'win32' ? 'tcp' : 'socket');
	const socketFolder =
		transport === 'tcp'
			? null
			: await makeSocketFolder(folder, user, options.runtimeFolder ?? runtimeFolder());
	return { folder, dataFolder, user, socketFolder };
}

const runtimeFolder = (): string => process.env['XDG_RUNTIME_DIR'] || tmpdir();

async function prepareBinaries(
	place: Place,
	options: EmbeddedPostgresOptions
): Promise<PostgresBinaries> {
	const { nativeFolder } = options;
	const prepare = async (mustCopy: boolean): Promise<PostgresBinaries> => {
		const found = await preparePostgresBinaries({
			cacheFolder: place.folder,
			mustCopy,
			...(nativeFolder === undefined ? {} : { nativeFolder })
		});
		if (!found.ok) throw new StartFailure(found.error);
		return found.value;
	};
	const binaries = await prepare(false);
	if (place.user.kind === 'self') return binaries;
	const uid = place.user.kind === 'other' ? place.user.uid : 0;
	const closed = await firstClosedFolder(dirname(binaries.postgres), uid);
	return closed === null ? binaries : prepare(true);
}

async function spawnServer(place: Place, binaries: PostgresBinaries): Promise<Spawned> {
	const { file, startsAt } = await openLog(place.folder);
	try {
		const server = spawnDetached(
			place.user,
			binaries.postgres,
			['-D', place.dataFolder, ...(await listenArguments(place))],
			{ cwd: place.folder, logFile: file.fd }
		);
		return { exited: server.exited, logStartsAt: startsAt };
	} finally {
		await file.close();
	}
}

async function listenArguments({ folder, socketFolder }: Place): Promise<string[]> {
	const settings =
		socketFolder === null
			? {
					listen_addresses: '127.0.0.1',
					unix_socket_directories: '',
					port: await choosePort(join(folder, 'port'))
				}
			: {
					listen_addresses: '',
					unix_socket_directories: socketFolder,
					unix_socket_permissions: '0700',
					port: 5432
				};
	return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The port of the last time if it is free, so that a revived server is found under its old URL. */
async function choosePort(file: string): Promise<number> {
	const last = Number(await readFile(file, 'utf8').catch(() => '0'));
	const port = await freePort(Number.isInteger(last) ? last : 0).catch(() => freePort(0));
	await writeFile(file, String(port));
	return port;
}

/** `wanted` if it can be listened on; 0 takes any. */
function freePort(wanted: number): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', reject);
		server.listen(wanted, '127.0.0.1', () => {
			const address = server.address();
			const port = typeof address === 'object' && address !== null ? address.port : 0;
			server.close(() => resolve(port));
		});
	});
}

async function waitWhileStopping(
	place: Place,
	deadline: number,
	onStatus?: (message: string) => void
): Promise<void> {
	for (let told = false; ; told = true) {
		const live = await readLivePidFile(place.dataFolder);
		if (live?.status !== 'stopping') return;
		if (!told) onStatus?.('The embedded database is still stopping; waiting for it.');
		if (performance.now() > deadline) throw new Error('the server that ran before does not stop.');
		await tick();
	}
}

/** Fast shutdown; after 15 s an immediate one, which the next start recovers from. */
async function shutDown(dataFolder: string): Promise<void> {
	const live = await readLivePidFile(dataFolder);
	if (live === null) return;
	for (const [signal, patienceMs] of [
		['SIGINT', 15_000],
		['SIGQUIT', 5_000]
	] as const) {
		const deadline = performance.now() + patienceMs;
		try {
			process.kill(live.pid, signal);
		} catch {
			return;
		}
		while (performance.now() < deadline) {
			if (!(await isPostmasterOf(live.pid, dataFolder))) return;
			await tick();
		}
	}
}
