/**
 * The embedded database's folder, `<workspace>/postgres`:
 *
 *   data/                 PostgreSQL's own, with our password and settings files in it
 *   socket/               the unix socket, closed to other users
 *   postgres.log(.1)      what the server said
 *   programs-<version>/   a copy of the binaries, only where the package's own can't be used
 *
 * A data folder is made under another name and renamed when it is complete, so that a crash
 * leaves nothing half made and of two managers that start at once one wins.
 */
import { createHash } from 'node:crypto';
import {
	chmod,
	chown,
	link,
	lstat,
	mkdir,
	open,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	writeFile,
	type FileHandle
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
	hasProcessIn,
	isAlive,
	isPostmasterOf,
	type ServerUser
} from './embedded-postgres-process.ts';

export const PASSWORD_FILE = 'agent-manager.password';
const SETTINGS_FILE = 'agent-manager.conf';
const SOCKET_NAME = '.s.PGSQL.5432';
/** A unix socket's path may have 103 bytes on macOS, 107 on Linux. */
const LONGEST_SOCKET_PATH = 100;
const LONGEST_LOG_BYTES = 5 << 20;

/**
 * One person's database on the machine it runs on: little memory, no replication, no parallel
 * workers, but every commit on disk. Applied at each start; `alter system` still wins over it.
 */
const SETTINGS: Readonly<Record<string, string>> = {
	max_connections: '40',
	shared_buffers: '32MB',
	huge_pages: 'off',
	io_method: 'sync',
	max_worker_processes: '2',
	max_parallel_workers_per_gather: '0',
	max_parallel_maintenance_workers: '0',
	autovacuum_max_workers: '1',
	jit: 'off',
	fsync: 'on',
	synchronous_commit: 'on',
	wal_level: 'minimal',
	max_wal_senders: '0',
	max_logical_replication_workers: '0',
	max_wal_size: '256MB',
	min_wal_size: '32MB',
	checkpoint_timeout: '15min',
	bgwriter_lru_maxpages: '0',
	track_activity_query_size: '256',
	timezone: "'UTC'",
	log_timezone: "'UTC'",
	log_min_messages: 'warning',
	log_line_prefix: "'%m [%p] '",
	log_parameter_max_length: '0',
	log_parameter_max_length_on_error: '0'
};

const settingsText = (extra: Readonly<Record<string, string>> = {}): string =>
	[
		'# Written by Agent Manager at each start.',
		...Object.entries({ ...SETTINGS, ...extra }).map(([name, value]) => `${name} = ${value}`),
		''
	].join('\n');

/** What a new data folder needs beyond what `initdb` made. */
export async function completeDataFolder(folder: string, password: string): Promise<void> {
	await writeFile(join(folder, PASSWORD_FILE), password, { mode: 0o600 });
	await writeFile(join(folder, SETTINGS_FILE), settingsText(), { mode: 0o600 });
	const file = await open(join(folder, 'postgresql.conf'), 'a');
	await file.write(`\ninclude_if_exists = '${SETTINGS_FILE}'\n`);
	await file.close();
}

export async function refreshSettings(
	dataFolder: string,
	user: ServerUser,
	extra: Readonly<Record<string, string>>
): Promise<void> {
	const path = join(dataFolder, SETTINGS_FILE);
	const text = settingsText(extra);
	const before = await readFile(path, 'utf8').catch(() => null);
	if (before === text) return;
	const unfinished = `${path}.${process.pid}`;
	await writeFile(unfinished, text, { mode: 0o600 });
	await giveTo(user, unfinished);
	await rename(unfinished, path);
}

export async function giveTo(user: ServerUser, path: string): Promise<void> {
	if (user.kind === 'other') await chown(path, user.uid, user.gid);
}

/**
 * A folder for the socket that only the server's user may enter. The workspace's own, unless its
 * path is too long for a socket; then one in the user's runtime folder, named after the workspace.
 * Throws when a folder of that name belongs to somebody else.
 */
export async function makeSocketFolder(
	folder: string,
	user: ServerUser,
	runtimeFolder: string
): Promise<string> {
	const own = join(folder, 'socket');
	const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
	const short = join(runtimeFolder, `agent-manager-${hash}`);
	const fits = (path: string): boolean =>
		Buffer.byteLength(join(path, `${SOCKET_NAME}.lock`)) < LONGEST_SOCKET_PATH;
	const chosen = [own, short, join('/tmp', `agent-manager-${hash}`)].find(fits);
	if (chosen === undefined) throw new Error(`${own} is too long for a unix socket.`);
	await mkdir(chosen, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== 'EEXIST') throw error;
	});
	const found = await lstat(chosen);
	const uid = user.kind === 'other' ? user.uid : process.geteuid?.();
	const acceptable = found.uid === uid || found.uid === process.geteuid?.();
	if (!found.isDirectory() || !acceptable) {
		throw new Error(`${chosen} belongs to somebody else; remove it.`);
	}
	if ((found.mode & 0o777) !== 0o700) await chmod(chosen, 0o700);
	if (found.uid !== uid) await giveTo(user, chosen);
	return chosen;
}

/** What the postmaster's pid file says. */
export interface PidFile {
	pid: number;
	port: number;
	/** Null: it listens on a port only. */
	socketFolder: string | null;
	/** `starting`, `ready`, `stopping`, or empty while it is being written. */
	status: string;
}

export async function readPidFile(dataFolder: string): Promise<PidFile | null> {
	let text: string;
	try {
		text = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw error;
	}
	const lines = text.split('\n');
	return {
		pid: Number(lines[0]),
		port: Number(lines[3]),
		socketFolder: lines[4]?.trim() || null,
		status: (lines[7] ?? '').trim()
	};
}

/** The pid file of a postmaster of this folder that runs now, or null. */
export async function readLivePidFile(dataFolder: string): Promise<PidFile | null> {
	const found = await readPidFile(dataFolder);
	return found !== null && (await isPostmasterOf(found.pid, dataFolder)) ? found : null;
}

/**
 * Removes the pid and socket lock files that a power loss left behind, where PostgreSQL itself
 * would not: it refuses to start when the process id in them was given to any other process since.
 * Only then; else they stay, since PostgreSQL looks in them for what is left of a dead server.
 */
export async function removeStaleFiles(
	dataFolder: string,
	socketFolder: string | null
): Promise<void> {
	await removeIfStale(join(dataFolder, 'postmaster.pid'), dataFolder);
	if (socketFolder !== null) {
		await removeIfStale(join(socketFolder, `${SOCKET_NAME}.lock`), dataFolder);
	}
}

/** Taken away by a rename and looked at again, so that a file made just now is put back. */
async function removeIfStale(path: string, dataFolder: string): Promise<void> {
	if (!(await namesStranger(path, dataFolder))) return;
	const aside = `${path}.stale-${process.pid}`;
	try {
		await rename(path, aside);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
		throw error;
	}
	if (!(await namesStranger(aside, dataFolder))) await link(aside, path).catch(() => undefined);
	await rm(aside, { force: true });
}

/** Does the file name a living process that is not ours, while none of ours is left? */
async function namesStranger(path: string, dataFolder: string): Promise<boolean> {
	const text = await readFile(path, 'utf8').catch(() => '');
	const pid = Math.abs(Number(text.split('\n')[0]));
	if (!(pid > 0) || !isAlive(pid) || (await isPostmasterOf(pid, dataFolder))) return false;
	return !(await hasProcessIn(dataFolder));
}

/** What a manager began to make and did not finish; `keep`: our own of this moment. */
export async function removeUnfinished(folder: string, keep: ReadonlySet<string>): Promise<void> {
	for (const name of await readdir(folder)) {
		const match = /^((?:data|programs)\.new-(\d+)-\w+)(\.password)?$/.exec(name);
		const pid = Number(match?.[2]);
		if (match === null || keep.has(match[1] ?? '')) continue;
		if (pid !== process.pid && isAlive(pid)) continue;
		await rm(join(folder, name), { recursive: true, force: true });
	}
}

/** The first folder on the way to `path`, itself included, that `uid` may not enter. */
export async function firstClosedFolder(path: string, uid: number): Promise<string | null> {
	const way: string[] = [];
	for (let at = path; ; at = dirname(at)) {
		way.unshift(at);
		if (dirname(at) === at) break;
	}
	for (const at of way) {
		const found = await stat(at).catch(() => null);
		if (found === null || !found.isDirectory()) return null;
		const may = found.uid === uid ? found.mode & 0o100 : found.mode & 0o001;
		if (may === 0) return at;
	}
	return null;
}

/** The log, appended to; a long one is moved aside first. `startsAt`: where this start's lines begin. */
export async function openLog(folder: string): Promise<{ file: FileHandle; startsAt: number }> {
	const path = join(folder, 'postgres.log');
	const size = await stat(path).then(
		(found) => found.size,
		() => 0
	);
	if (size > LONGEST_LOG_BYTES) await rename(path, `${path}.1`);
	const file = await open(path, 'a', 0o600);
	return { file, startsAt: (await file.stat()).size };
}

/** What the server said since `startsAt`, at most the last lines. */
export async function readLogTail(folder: string, startsAt: number): Promise<string> {
	const bytes = await readFile(join(folder, 'postgres.log')).catch(() => Buffer.alloc(0));
	const lines = bytes.subarray(startsAt).toString('utf8').trim().split('\n');
	return lines.slice(-6).join('\n');
}
