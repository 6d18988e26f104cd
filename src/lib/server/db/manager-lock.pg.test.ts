import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { acquireManagerLock, type ManagerLock } from './manager-lock.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

const acquire = async (self: string, onLost: (holder: string) => void = () => undefined) => {
	const acquired = await acquireManagerLock({ url: database.url, self, onLost });
	if (!acquired.ok) throw new Error(acquired.error.message);
	return acquired.value;
};
const holders = async (): Promise<{ pid: number; name: string }[]> => {
	const { rows } = await database.pool.query<{ pid: number; name: string }>(
		`select a.pid, a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and l.granted and l.database =
			(select oid from pg_database where datname = current_database())`
	);
	return rows;
};
const until = async (is: () => Promise<boolean>): Promise<void> => {
	while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('the manager’s lock', () => {
	it('lets a second one in only when the first is gone, and names the first', async () => {
		const first = await acquire('pid 1 at http://127.0.0.1:3000');
		const second = await acquireManagerLock({ url: database.url, self: 'two', onLost: () => {} });
		expect(second).toMatchObject({
			ok: false,
			error: {
				code: 'database_unreachable',
				message: 'This database is managed already, by pid 1 at http://127.0.0.1:3000.'
			}
		});
		await first.release();
		await (await acquire('two')).release();
		expect(await holders()).toEqual([]);
	});

	it('is taken again after its connection was lost', async () => {
		const lost: string[] = [];
		const lock = await acquire('one', (holder) => lost.push(holder));
		const [before] = await holders();
		await database.pool.query('select pg_terminate_backend($1)', [before?.pid]);
		await until(async () => {
			const [now] = await holders();
			return now !== undefined && now.pid !== before?.pid;
		});
		expect(lost).toEqual([]);
		await lock.release();
	});

	it('is lost when another one was quicker, who is named', async () => {
		let lock: ManagerLock | null = null;
		const lost = new Promise<string>((resolve) => {
			void acquire('one', resolve).then(async (held) => {
				lock = held;
				const [before] = await holders();
				const other = new pg.Client({
					connectionString: database.url,
					application_name: 'manager two'
				});
				other.on('error', () => undefined);
				await other.connect();
				const waiting = other.query('select pg_advisory_lock(4201760312)');
				await database.pool.query('select pg_terminate_backend($1)', [before?.pid]);
				await waiting;
			});
		});
		expect(await lost).toBe('two');
		await (lock as ManagerLock | null)?.release();
	});

	it('says why when there is no database', async () => {
		const url = database.url.replace(/\/[^/?]+(?=\?|$)/, '/no_such_database');
		const acquired = await acquireManagerLock({ url, self: 'one', onLost: () => undefined });
		expect(acquired).toMatchObject({ ok: false, error: { code: 'database_unreachable' } });
	});
});
