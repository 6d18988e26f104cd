import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { waitForDatabase, withRetry } from './client.ts';
import { databaseErrorMessage, errorCodeOf, isTransient } from './connection-errors.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

/** An error as the driver really throws it, through Drizzle. */
const thrownBy = (text: string): Promise<unknown> =>
	database.db.execute(text).then(
		() => null,
		(error: unknown) => error
	);

describe('errors', () => {
	it('are told apart through Drizzle’s wrapper', async () => {
		const error = await thrownBy('select * from no_such_table');
		expect(errorCodeOf(error)).toBe('42P01');
		expect(isTransient(error)).toBe(false);
		expect(databaseErrorMessage(error)).toBe('relation "no_such_table" does not exist');
	});

	it('of a connection that was ended are transient', async () => {
		const error = await thrownBy('select pg_terminate_backend(pg_backend_pid())');
		expect(isTransient(error)).toBe(true);
	});
});

describe('withRetry', () => {
	it('asks again when the connection was lost, and only then', async () => {
		let attempts = 0;
		const result = await withRetry(async () => {
			attempts++;
			const text =
				attempts === 1 ? 'select pg_terminate_backend(pg_backend_pid())' : 'select 7 as n';
			return (await database.pool.query<{ n: number }>(text)).rows[0]?.n;
		});
		expect([result, attempts]).toEqual([7, 2]);

		attempts = 0;
		const failing = withRetry(async () => {
			attempts++;
			await database.pool.query('select 1/0');
		});
		await expect(failing).rejects.toThrow('division by zero');
		expect(attempts).toBe(1);
	});

	it('calls beforeRetry, and stops when told', async () => {
		const stop = new AbortController();
		const lost = Object.assign(new Error('lost'), { code: 'ECONNRESET' });
		const seen: number[] = [];
		const failing = withRetry(() => Promise.reject(lost), {
			delaysMs: [0, 60_000],
			signal: stop.signal,
			beforeRetry: (_error, attempt) => {
				seen.push(attempt);
				if (attempt === 2) stop.abort(new Error('stopped'));
			}
		});
		await expect(failing).rejects.toThrow('stopped');
		expect(seen).toEqual([1, 2]);
	});

	it('gives up with the last error', async () => {
		const lost = Object.assign(new Error('lost'), { code: 'ECONNREFUSED' });
		await expect(withRetry(() => Promise.reject(lost), { delaysMs: [0, 0] })).rejects.toBe(lost);
	});
});

describe('waitForDatabase', () => {
	const notExpected = (): void => expect.unreachable('nothing to wait for');

	it('says at once what waiting would not mend', async () => {
		const missing = database.url.replace(/\/test_\w+/, '/no_such_database');
		const wrong = database.url.replace(/:[^:@/]+@/, ':wrong@');
		expect(await waitForDatabase({ url: missing, onWaiting: notExpected })).toMatchObject({
			ok: false,
			error: { code: 'database_unreachable', hint: expect.stringContaining('createdb') }
		});
		const refused = await waitForDatabase({ url: wrong, onWaiting: notExpected });
		expect(refused).toMatchObject({
			ok: false,
			error: { hint: expect.stringContaining('password') }
		});
		expect(JSON.stringify(refused)).not.toContain('wrong@');
	});

	it('waits for a server that is not there, says so, and can be stopped', async () => {
		const folder = await mkdtemp(join(tmpdir(), 'am-none-'));
		const url = `postgresql://me:hunter2@/db?host=${encodeURIComponent(folder)}`;
		const stop = new AbortController();
		const said: string[] = [];
		const result = await waitForDatabase({
			url,
			signal: stop.signal,
			onWaiting: ({ attempt, message }) => {
				said.push(message);
				if (attempt === 2) stop.abort();
			}
		});
		expect(result).toMatchObject({ ok: false, error: { code: 'shutting_down' } });
		expect(said).toHaveLength(2);
		expect(said.join()).not.toContain('hunter2');
		await rm(folder, { recursive: true });
	});
});
