/**
 * A PostgreSQL server of the system's own package, as one that `DATABASE_URL` points to. Versions
 * differ from machine to machine; a test that needs one is skipped where there is none.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';

export interface ExternalBinaries {
	version: string;
	folder: string;
}

/** Servers of Debian's packages, oldest first. */
export function findExternalBinaries(): ExternalBinaries[] {
	if (!existsSync(DEBIAN)) return [];
	return readdirSync(DEBIAN)
		.map((version) => ({ version, folder: join(DEBIAN, version, 'bin') }))
		.filter(({ folder }) => existsSync(join(folder, 'initdb')))
		.sort((a, b) => Number(a.version) - Number(b.version));
}

export interface ExternalPostgres {
	url: string;
	/** SIGQUIT, as in a crash, and a start on the same data. */
	crashAndRestart(): Promise<void>;
	stop(): Promise<void>;
	start(): Promise<void>;
	close(): Promise<void>;
}

/** Starts one on a unix socket in a folder of its own; `listens` resolves when it takes connections. */
export async function startExternalPostgres(binaries: ExternalBinaries): Promise<ExternalPostgres> {
	const folder = await mkdtemp(join(tmpdir(), 'am-ext-'));
	const data = join(folder, 'data');
	await run(
		...asUser(join(binaries.folder, 'initdb'), [
			'-D',
			data,
			'-U',
			'tester',
			'-A',
			'trust',
			'--no-sync',
			'-E',
			'UTF8',
			'--locale=C'
		])
	);
	let server = await startServer(binaries, folder, data);
	return {
		url: `postgresql://tester@/postgres?host=${encodeURIComponent(folder)}`,
		crashAndRestart: async () => {
			await end(server, 'SIGQUIT');
			server = await startServer(binaries, folder, data);
		},
		stop: () => end(server, 'SIGINT'),
		start: async () => {
			server = await startServer(binaries, folder, data);
		},
		close: async () => {
			await end(server, 'SIGINT');
			await rm(folder, { recursive: true, force: true });
		}
	};
}

/** PostgreSQL refuses root: a user namespace makes root's files an ordinary user's. */
function asUser(program: string, argv: string[]): [string, string[]] {
	if (process.geteuid?.() !== 0) return [program, argv];
	return ['unshare', ['--user', '--map-user=65534', '--map-group=65534', '--', program, ...argv]];
}

async function startServer(
	binaries: ExternalBinaries,
	folder: string,
	data: string
): Promise<ChildProcess> {
	const settings = [
		'-c',
		'listen_addresses=',
		'-k',
		folder,
		'-c',
		'fsync=off',
		'-c',
		'logging_collector=off'
	];
	const server = spawn(...asUser(join(binaries.folder, 'postgres'), ['-D', data, ...settings]), {
		stdio: ['ignore', 'ignore', 'pipe'],
		env: { ...process.env, LC_ALL: 'C' }
	});
	const said: string[] = [];
	for await (const line of createInterface({ input: server.stderr })) {
		said.push(line);
		if (line.includes('ready to accept connections')) {
			server.stderr.resume();
			return server;
		}
	}
	throw new Error(said.join('\n'));
}

function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	return new Promise((resolve) => {
		if (server.exitCode !== null || server.signalCode !== null) return resolve();
		server.once('exit', () => resolve());
		server.kill(signal);
	});
}
