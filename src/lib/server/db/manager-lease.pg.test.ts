import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cutOff, type CutOff } from '../../../../tests/support/cut-off.ts';
import { tempFolder } from '../../../../tests/support/git-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { unfenced } from '../../../../tests/support/unfenced.ts';
import { openDatabase, type OpenDatabase } from './client.ts';
import { FencedError } from './lease-table.ts';
import {
	takeManagerLease,
	type Fence,
	type ManagerLease,
	type ManagerLeaseOptions
} from './manager-lease.ts';
import { migrateDatabase } from './migrate.ts';

const INSTANCE = '00000000-0000-4000-8000-000000000000';
const ROOT = new URL('../../../..', import.meta.url).pathname;

/** The writer as one file: it starts in a fraction of the time. */
const folder = tempFolder('writer');
const writer = join(folder.path, 'writer.cjs');
beforeAll(async () => {
	const entry = join(ROOT, 'tests/fixtures/lease-writer.ts');
	await build({
		entryPoints: [entry],
		outfile: writer,
		bundle: true,
		platform: 'node',
		format: 'cjs',
		external: ['pg-native']
	});
});
afterAll(() => folder.remove());

let database: TestDatabase;
const toEnd: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
	database = await testDatabase();
	await database.pool.query('create table written (id bigserial primary key)');
});
afterEach(async () => {
	for (const end of toEnd.splice(0).reverse()) await end();
	await database.close();
});

const take = async (options: Partial<ManagerLeaseOptions> = {}): Promise<ManagerLease> => {
	const taken = await takeManagerLease({
		url: database.url,
		instance: INSTANCE,
		holder: 'one',
		address: 'http://one',
		onStandby: () => undefined,
		onLost: () => undefined,
		ttlMs: 300,
		...options
	});
	if (!taken.ok) throw new Error(taken.error.message);
	toEnd.push(() => taken.value.release());
	return taken.value;
};

const open = (fence: Fence, url = database.url): OpenDatabase => {
	const opened = openDatabase({ url, fence });
	toEnd.push(() => opened.close());
	return opened;
};

const written = async (): Promise<number> => {
	const { rows } = await database.pool.query<{ n: number }>(
		'select count(*)::int as n from written'
	);
	return rows[0]?.n ?? 0;
};

const lease = async (): Promise<{ fence: number; holder: string; process: { pid: number } }> => {
	const { rows } = await database.pool.query(
		'select fence::int, holder, process from manager_lease'
	);
	return rows[0];
};

/** As if its process were on another machine: nobody can tell whether it lives, or end it. */
const moveHolderAway = (): Promise<unknown> =>
	database.pool.query(
		`update manager_lease set process = jsonb_set(process, '{machine}', '"elsewhere"')`
	);

const letRunOut = (): Promise<unknown> =>
	database.pool.query('update manager_lease set expires_at = now()');

const waitingForTheTable = async (): Promise<number | null> => {
	const { rowCount } = await database.pool.query(
		`select 1 from pg_locks where relation = 'written'::regclass and not granted`
	);
	return rowCount;
};

const startWriter = async (mode: 'fenced' | 'unfenced') => {
	const child = spawn(process.execPath, [writer, database.url, '300', mode], {
		stdio: ['ignore', 'pipe', 'inherit']
	});
	const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
	toEnd.push(async () => {
		child.kill('SIGKILL');
		await exited;
	});
	await once(child.stdout, 'data');
	return { child, exited };
};

describe('who leads', () => {
	it('is one; the second is told who, and follows as soon as the first gives the lease back', async () => {
		const first = await take();
		const told: unknown[] = [];
		let hasTaken = false;
		const waiting = new Promise<void>((resolve) => {
			void take({
				holder: 'two',
				onStandby: (leader) => {
					told.push(leader);
					resolve();
				}
			}).then(() => (hasTaken = true));
		});
		await waiting;
		expect(told).toMatchObject([{ holder: 'one', address: 'http://one' }]);
		await first.confirm();
		expect(hasTaken).toBe(false);
		await first.release();
		await expect.poll(lease).toMatchObject({ fence: 2, holder: 'two' });
	});

	it('is decided by one number, however many come at once', async () => {
		const standby = new AbortController();
		const all = [1, 2, 3, 4, 5].map((n) =>
			takeManagerLease({
				url: database.url,
				instance: INSTANCE,
				holder: String(n),
				address: `http://${n}`,
				onStandby: () => undefined,
				onLost: () => undefined,
				signal: standby.signal
			})
		);
		const winner = await Promise.race(all);
		standby.abort();
		const results = await Promise.all(all);
		expect(results.filter(({ ok }) => ok)).toEqual([winner]);
		if (winner.ok) await winner.value.release();
		expect(await lease()).toMatchObject({ fence: 1 });
	});

	it('follows a killed process at once, long before the lease has run out', async () => {
		const { child, exited } = await startWriter('fenced');
		await database.pool.query(`update manager_lease set expires_at = now() + interval '1 hour'`);
		child.kill('SIGKILL');
		await exited;
		await take({ holder: 'two' });
		expect(await lease()).toMatchObject({ fence: 2, holder: 'two' });
	});

	it('ends a process that hangs, once its lease has run out', async () => {
		const { child, exited } = await startWriter('fenced');
		child.kill('SIGSTOP');
		await take({ holder: 'two' });
		expect(await exited).toEqual([null, 'SIGKILL']);
	});

	it('stays the same over lost connections and a moved clock, as long as nobody else comes', async () => {
		let shiftMs = 0;
		const lost: string[] = [];
		const first = await take({
			onLost: () => lost.push('one'),
			clocks: () => ({ steady: performance.now(), wall: Date.now() + shiftMs })
		});
		const { pool } = open(first);
		await pool.query('insert into written default values');
		await database.pool.query(
			`select pg_terminate_backend(pid) from pg_stat_activity
			where datname = current_database() and pid <> pg_backend_pid()`
		);
		shiftMs = 3_600_000;
		await expect
			.poll(() =>
				first.confirm().then(
					() => true,
					() => false
				)
			)
			.toBe(true);
		shiftMs = -3_600_000;
		await first.confirm();
		await expect
			.poll(() =>
				pool.query('insert into written default values').then(
					() => true,
					() => false
				)
			)
			.toBe(true);
		expect(lost).toEqual([]);
		expect(await lease()).toMatchObject({ fence: 1 });
	});

	it('is never a manager of another workspace', async () => {
		await (await take()).release();
		const other = '11111111-1111-4111-8111-111111111111';
		const refused = await takeManagerLease({
			url: database.url,
			instance: other,
			holder: 'two',
			address: 'http://two',
			onStandby: () => undefined,
			onLost: () => undefined
		});
		expect(refused).toMatchObject({
			ok: false,
			error: {
				code: 'database_unreachable',
				message: expect.stringContaining(
					`belongs to another workspace (${INSTANCE}; ours is ${other})`
				),
				hint: expect.stringContaining('WORKSPACE_ROOT')
			}
		});
		expect(await lease()).toMatchObject({ fence: 1, holder: 'one' });
	});

	it('says why when there is no database', async () => {
		const url = database.url.replace(/\/[^/?]+(?=\?|$)/, '/no_such_database');
		await expect(take({ url })).rejects.toThrow('no_such_database');
	});
});

describe('a manager that was replaced', () => {
	/** Stops the writer for three times its lease, takes over, lets it go on; rows that came after. */
	const freezeAndReplace = async (mode: 'fenced' | 'unfenced'): Promise<number> => {
		const { child, exited } = await startWriter(mode);
		await expect.poll(written).toBeGreaterThan(50);
		child.kill('SIGSTOP');
		await moveHolderAway();
		await new Promise((resolve) => setTimeout(resolve, 900));
		const second = await take({ holder: 'two' });
		const before = await written();
		child.kill('SIGCONT');
		expect(await exited).toEqual([75, null]);
		await second.release();
		return (await written()) - before;
	};

	it('lands no write when it wakes up', async () => {
		for (let round = 0; round < 3; round++) expect(await freezeAndReplace('fenced')).toBe(0);
	});

	it('lands some without the fence (control)', async () => {
		let stale = 0;
		for (let round = 0; round < 5 && stale === 0; round++) {
			stale += await freezeAndReplace('unfenced');
		}
		expect(stale).toBeGreaterThan(0);
	});

	/** A write waits in the database for a lock that is free only after the takeover; was it written? */
	const holdUpAndReplace = async (isFenced: boolean): Promise<number> => {
		const first = await take({ ttlMs: 60_000 });
		const { pool } = open(isFenced ? first : unfenced);
		const blocker = await database.pool.connect();
		await blocker.query('begin; lock table written in share mode');
		const writing = pool.query('insert into written default values').catch(() => undefined);
		await expect.poll(waitingForTheTable).toBe(1);
		await letRunOut();
		await take({ holder: 'two', ttlMs: 60_000 });
		await blocker.query('rollback');
		blocker.release();
		await writing;
		return written();
	};

	it('lands no write that was under way in the database', async () => {
		expect(await holdUpAndReplace(true)).toBe(0);
	});

	it('lands it without the fence (control)', async () => {
		expect(await holdUpAndReplace(false)).toBe(1);
	});

	/** Its writes are held up in the network until after the takeover. */
	const cutOffAndReplace = async (isFenced: boolean): Promise<number> => {
		const network: CutOff = await cutOff(database.url);
		toEnd.push(() => network.close());
		const first = await take({ url: network.url });
		const { pool } = open(isFenced ? first : unfenced, network.url);
		await pool.query('select 1');
		network.cut();
		const writing = pool.query('insert into written default values').catch(() => undefined);
		await take({ holder: 'two', ttlMs: 60_000 });
		network.mend();
		await writing;
		return written();
	};

	it('lands no write that was on its way in a network that was cut', async () => {
		expect(await cutOffAndReplace(true)).toBe(0);
	});

	it('lands it without the fence (control)', async () => {
		expect(await cutOffAndReplace(false)).toBe(1);
	});

	it('is refused new connections, a migration and any further effect, and is told once', async () => {
		const lost: string[] = [];
		const first = await take({ onLost: () => lost.push('one'), ttlMs: 60_000 });
		await letRunOut();
		await take({ holder: 'two', ttlMs: 60_000 });
		await first.confirm();
		const { pool } = open(first);
		await expect(pool.query('select 1')).rejects.toThrow(FencedError);
		await expect(pool.query('select 1')).rejects.toThrow(FencedError);
		await expect(first.confirm()).rejects.toThrow(FencedError);
		const migrated = await migrateDatabase({ url: database.url, fence: first });
		expect(migrated).toMatchObject({ ok: false, error: { code: 'not_leader' } });
		expect(lost).toEqual(['one']);
	});
});
