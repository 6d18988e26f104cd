/** The first conversation with the embedded server: is it ready, is it ours, is our database there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { errorCodeOf, isTransient } from './connection-errors.ts';
import { ROLE, startFailure, type Place } from './embedded-postgres-data.ts';
import { PASSWORD_FILE, readLivePidFile, readLogTail } from './embedded-postgres-folder.ts';

const DATABASE = 'agent_manager';
const POLL_MS = 5;
const LEAVING_CHECKS = 20;
const LEAVING_PAUSE_MS = 25;

/** The server went away while we waited for it. */
export class ServerEnded extends Error {
	/** Another server was there, or the rest of one: a moment later it may work. */
	readonly worthRetrying: boolean;
	constructor(how: string, said: string, worthRetrying: boolean) {
		super(`the server ended (${how}).${said === '' ? '' : `\n${said}`}`);
		this.worthRetrying = worthRetrying;
	}
}

const IN_THE_WAY = /pre-existing shared memory block|lock file ".*" already exists/;

export interface Spawned {
	exited: Promise<string>;
	logStartsAt: number;
}

/**
 * Waits until the server of our data folder takes connections, and makes sure that it is ours and
 * has our database. `server`: what we spawned; should it exit because another manager's server was
 * quicker, that one is waited for instead. Resolves to the URL.
 */
export async function connectWhenReady(
	place: Place,
	server: Spawned | null,
	deadline: number,
	onStatus?: (message: string) => void
): Promise<string> {
	let exit: string | null = null;
	void server?.exited.then((how) => (exit = how));
	const slow = setTimeout(
		() => onStatus?.('The embedded database is recovering; waiting for it.'),
		2_000
	);
	try {
		for (;;) {
			const live = await readLivePidFile(place.dataFolder);
			if (live?.status === 'ready') {
				// Where it listens is the server's to say: one that is adopted may use another folder.
				const at = { dataFolder: place.dataFolder, socketFolder: live.socketFolder };
				const url = await urlFor(at, live.port);
				const answer = await ask(url, place.dataFolder);
				if (answer === 'ours') return url;
				if (answer === 'no database') await createDatabase(await urlFor(at, live.port, 'postgres'));
			}
			if (live === null && (server === null || exit !== null)) {
				const said = server === null ? '' : await readLogTail(place.folder, server.logStartsAt);
				throw new ServerEnded(exit ?? 'gone', said, server === null || IN_THE_WAY.test(said));
			}
			if (performance.now() > deadline) {
				throw new Error(`it was not ready in time (${live?.status || 'no answer'}).`);
			}
			await tick();
		}
	} finally {
		clearTimeout(slow);
	}
}

export const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** With the password in it. `socketFolder` null: the port is on loopback. */
export async function urlFor(
	{ dataFolder, socketFolder }: Pick<Place, 'dataFolder' | 'socketFolder'>,
	port: number,
	database = DATABASE
): Promise<string> {
	const file = join(dataFolder, PASSWORD_FILE);
	const password = await readFile(file, 'utf8').catch((error: Error) => {
		throw startFailure(
			`The embedded database's password can’t be read: ${error.message}`,
			`Restore ${file}.`
		);
	});
	const login = `postgresql://${ROLE}:${encodeURIComponent(password)}`;
	return socketFolder === null
		? `${login}@127.0.0.1:${port}/${database}`
		: `${login}@/${database}?host=${encodeURIComponent(socketFolder)}`;
}

/** Throws when the server that answers serves another folder. */
async function ask(url: string, dataFolder: string): Promise<'ours' | 'no database' | 'not yet'> {
	try {
		const found = await query<{ folder: string }>(
			url,
			`select current_setting('data_directory') as folder`
		);
		if (found[0]?.folder === dataFolder) return 'ours';
		throw startFailure(
			`Another PostgreSQL server (of ${found[0]?.folder}) answers on the embedded database's socket.`,
			'Stop that server, then start again.'
		);
	} catch (error) {
		if (errorCodeOf(error) === '3D000') return 'no database';
		if (isTransient(error)) return 'not yet';
		throw error;
	}
}

async function createDatabase(url: string): Promise<void> {
	try {
		await query(url, `create database ${DATABASE}`);
	} catch (error) {
		// Another manager was quicker.
		if (!['42P04', '23505'].includes(errorCodeOf(error) ?? '')) throw error;
	}
}

async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
	const client = new pg.Client({
		connectionString: url,
		application_name: 'agent-manager start',
		connectionTimeoutMillis: 5_000
	});
	client.on('error', () => undefined);
	try {
		await client.connect();
		return (await client.query<Row>(text)).rows;
	} finally {
		await client.end().catch(() => undefined);
	}
}

/**
 * Are others connected? Asked again for a moment, since a connection that was just closed is
 * listed until its server process has ended.
 */
export async function hasOtherClients(url: string): Promise<boolean> {
	for (let left = LEAVING_CHECKS; left > 0; left--) {
		if ((await countOtherClients(url)) === 0) return false;
		await new Promise((resolve) => setTimeout(resolve, LEAVING_PAUSE_MS));
	}
	return true;
}

/** 0 when the server does not answer. */
async function countOtherClients(url: string): Promise<number> {
	try {
		const [row] = await query<{ others: number }>(
			url,
			`select count(*)::int as others from pg_stat_activity
			 where backend_type = 'client backend' and pid <> pg_backend_pid()`
		);
		return row?.others ?? 0;
	} catch {
		return 0;
	}
}
