import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
	chmod,
	chown,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rm,
	stat,
	writeFile
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProjectRoot } from '#lib/server/project-root.ts';
import { openDatabase, withRetry } from './client.ts';
import {
	startEmbeddedPostgres,
	type EmbeddedPostgres,
	type EmbeddedPostgresOptions
} from './embedded-postgres.ts';
import { isAlive, isPostmasterOf } from './embedded-postgres-process.ts';
import { unfenced } from '../../../../tests/support/unfenced.ts';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
/** A user that every Linux has: initdb wants one with a name. */
const DAEMON = 1;

let root: string;
let folder: string;
let servers: EmbeddedPostgres[];
let children: ChildProcess[];

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'am-embedded-'));
	folder = join(root, 'postgres');
	servers = [];
	children = [];
});
afterEach(async () => {
	for (const child of children) child.kill('SIGKILL');
	for (const server of servers) await server.stop();
	await rm(root, { recursive: true, force: true });
});

const attempt = (options: Partial<EmbeddedPostgresOptions> = {}) =>
	startEmbeddedPostgres({ folder, ...options });

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
	const started = await attempt(options);
	if (!started.ok) throw new Error(`${started.error.message}\n${started.error.hint}`);
	servers.push(started.value);
	return started.value;
}

async function ask(server: EmbeddedPostgres, text: string): Promise<Record<string, unknown>[]> {
	const client = new pg.Client({ connectionString: server.url });
	client.on('error', () => undefined);
	await client.connect();
	try {
		return (await client.query<Record<string, unknown>>(text)).rows;
	} finally {
		await client.end();
	}
}

/** Another manager, as a process of its own. */
async function otherManager(): Promise<{ child: ChildProcess; said: Record<string, unknown> }> {
	const script = join(findProjectRoot(), 'tests', 'fixtures', 'start-postgres.ts');
	const child = spawn(process.execPath, ['--import', 'tsx', script, folder], {
		cwd: findProjectRoot(),
		stdio: ['ignore', 'pipe', 'inherit']
	});
	children.push(child);
	const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
	return { child, said: JSON.parse(line) as Record<string, unknown> };
}

async function untilGone(pid: number): Promise<void> {
	while (await isPostmasterOf(pid, join(folder, 'data'))) {
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

describe('the embedded database', () => {
	it('is made, found running, stopped and started again, with its data', async () => {
		const first = await start();
		expect(first.origin).toBe('created');
		await ask(first, 'create table kept as select 1 as n');
		const second = await start();
		expect([second.origin, second.pid]).toEqual(['adopted', first.pid]);
		expect(await first.stop()).toBe(true);
		expect(await isPostmasterOf(first.pid, first.dataFolder)).toBe(false);
		const third = await start();
		expect(third.origin).toBe('started');
		expect(await ask(third, 'select n from kept')).toEqual([{ n: 1 }]);
	});

	it('is durable, Unicode, checksummed and closed to everybody else', async () => {
		const server = await start();
		const shown = await ask(
			server,
			`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commits,
				current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding,
				current_setting('listen_addresses') as listens, lower('ÄÖ') as lowered`
		);
		expect(shown[0]).toEqual({
			fsync: 'on',
			commits: 'on',
			checksums: 'on',
			encoding: 'UTF8',
			listens: '',
			lowered: 'äö'
		});
		expect((await stat(join(folder, 'socket'))).mode & 0o777).toBe(0o700);
		expect((await stat(join(server.dataFolder, 'agent-manager.password'))).mode & 0o777).toBe(
			0o600
		);
		const withoutPassword = server.url.replace(/:[^:@]+@/, ':wrong@');
		await expect(ask({ ...server, url: withoutPassword }, 'select 1')).rejects.toThrow('password');
	});

	it('survives the kill of its manager, and is adopted by the next', async () => {
		const { child, said } = await otherManager();
		expect(said['origin']).toBe('created');
		child.kill('SIGKILL');
		await once(child, 'exit');
		expect(isAlive(said['pid'] as number)).toBe(true);
		const next = await start();
		expect([next.origin, next.pid]).toEqual(['adopted', said['pid']]);
	});

	it('is made and started once, however many managers race', async () => {
		const all = await Promise.all([start(), start(), start(), otherManager(), otherManager()]);
		const results = all.map((one) => ('said' in one ? one.said : one));
		expect(new Set(results.map(({ pid }) => pid)).size).toBe(1);
		expect(results.filter(({ origin }) => origin === 'created')).toHaveLength(1);
		expect((await readdir(folder)).sort()).toEqual(['data', 'postgres.log', 'socket']);
	});

	it('comes back when the server is killed, under the same pool', async () => {
		const server = await start();
		const { pool, close } = openDatabase({ url: server.url, fence: unfenced });
		await pool.query('create table t as select 1 as n');
		process.kill(server.pid, 'SIGKILL');
		const { rows } = await withRetry(() => pool.query('select n from t'), {
			beforeRetry: async () => void (await server.ensureRunning())
		});
		expect(rows).toEqual([{ n: 1 }]);
		await close();
	});

	it('leaves a server that others use, when asked to', async () => {
		const server = await start();
		const { pool, close } = openDatabase({ url: server.url, fence: unfenced });
		await pool.query('select 1');
		expect(await server.stop({ unlessInUse: true })).toBe(false);
		await close();
		expect(await server.stop({ unlessInUse: true })).toBe(true);
	});

	it('waits for one that is still stopping', async () => {
		const server = await start();
		process.kill(server.pid, 'SIGINT');
		const next = await start();
		expect(await ask(next, 'select 1 as n')).toEqual([{ n: 1 }]);
	});
});

describe('left-overs', () => {
	it('of a power loss, with the process id given to somebody else', async () => {
		const server = await start();
		const pidFile = join(server.dataFolder, 'postmaster.pid');
		const text = await readFile(pidFile, 'utf8');
		process.kill(server.pid, 'SIGQUIT');
		await untilGone(server.pid);
		const stranger = String(process.pid);
		await writeFile(pidFile, text.replace(/^\d+/, stranger), { mode: 0o600 });
		await writeFile(join(folder, 'socket', '.s.PGSQL.5432.lock'), `${stranger}\n`, { mode: 0o600 });
		expect((await start()).origin).toBe('started');
	});

	it('of a creation that was cut off are removed', async () => {
		await mkdir(join(folder, 'data.new-999999999-abc'), { recursive: true });
		await start();
		expect(await readdir(folder)).not.toContain('data.new-999999999-abc');
	});
});

describe('refusals, in words', () => {
	it('data of another version', async () => {
		await mkdir(join(folder, 'data'), { recursive: true });
		await writeFile(join(folder, 'data', 'PG_VERSION'), '12\n');
		expect(await attempt()).toMatchObject({
			ok: false,
			error: {
				code: 'database_unreachable',
				message: expect.stringContaining('of PostgreSQL 12; this app brings 18')
			}
		});
	});

	it('a data folder that holds something else', async () => {
		await mkdir(join(folder, 'data'), { recursive: true });
		await writeFile(join(folder, 'data', 'notes.txt'), 'mine');
		expect(await attempt()).toMatchObject({
			ok: false,
			error: { message: expect.stringContaining('holds no database') }
		});
		expect(await readFile(join(folder, 'data', 'notes.txt'), 'utf8')).toBe('mine');
	});

	it('a setting that PostgreSQL refuses, with what it said', async () => {
		const result = await attempt({ settings: { shared_buffers: 'plenty' } });
		expect(result).toMatchObject({
			ok: false,
			error: { message: expect.stringContaining('shared_buffers') }
		});
	});

	it('a socket folder of somebody else', async () => {
		const deep = join(root, 'x'.repeat(100), 'postgres');
		const runtimeFolder = join(root, 'run');
		await mkdir(runtimeFolder);
		await start({ folder: deep, runtimeFolder });
		const [name] = await readdir(runtimeFolder);
		expect(name).toMatch(/^agent-manager-/);
		await servers.pop()?.stop();
		await rm(join(runtimeFolder, name ?? ''), { recursive: true });
		await writeFile(join(runtimeFolder, name ?? ''), '');
		expect(await attempt({ folder: deep, runtimeFolder })).toMatchObject({
			ok: false,
			error: { message: expect.stringContaining('belongs to somebody else') }
		});
	});
});

it('listens on a port of loopback where sockets are not to be had, the same each time', async () => {
	const first = await start({ transport: 'tcp' });
	expect(first.url).toContain('@127.0.0.1:');
	await first.stop();
	const second = await start({ transport: 'tcp' });
	expect(second.url).toBe(first.url);
	expect(await ask(second, 'select 1 as n')).toEqual([{ n: 1 }]);
});

describe.skipIf(!isRoot)('started as root (skipped: the tests run as an ordinary user)', () => {
	it('works where the home is closed to others', async () => {
		await chmod(root, 0o700);
		const server = await start({ namespace: true });
		expect((await stat(server.dataFolder)).uid).toBe(0);
	});

	it('runs as nobody where user namespaces are off, with programs it can reach', async () => {
		await chmod(root, 0o755);
		const server = await start({ namespace: false });
		expect((await stat(server.dataFolder)).uid).toBe(NOBODY);
		await server.stop();
		expect((await start()).origin).toBe('started');
	});

	it('says what is in the way where nobody may not enter', async () => {
		await chmod(root, 0o700);
		expect(await attempt({ namespace: false })).toMatchObject({
			ok: false,
			error: { message: expect.stringContaining(`may not enter ${root}`) }
		});
	});

	it('runs as the one whose folder it is', async () => {
		await chmod(root, 0o755);
		await mkdir(folder);
		await chown(folder, DAEMON, DAEMON);
		const server = await start();
		expect((await stat(server.dataFolder)).uid).toBe(DAEMON);
		await server.stop();
		expect((await start()).origin).toBe('started');
	});

	it('runs as the one whose closed home it is in', async () => {
		const home = join(root, 'home');
		await mkdir(home, { mode: 0o700 });
		await chown(home, DAEMON, DAEMON);
		await chmod(root, 0o755);
		const workspace = join(home, '.agent-manager');
		await mkdir(workspace, { mode: 0o755 });
		const server = await start({ folder: join(workspace, 'postgres') });
		expect((await stat(server.dataFolder)).uid).toBe(DAEMON);
	});
});
