import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from 'drizzle-orm';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { migrateDatabase } from './migrate.ts';

describe('migrateDatabase', () => {
	let database: TestDatabase;
	beforeAll(async () => {
		database = await testDatabase({ empty: true });
	});
	afterAll(() => database.close());

	it('applies everything once, however many start at once, and nothing again', async () => {
		const results = await Promise.all(
			[1, 2, 3, 4].map(() => migrateDatabase({ url: database.url, fence: null }))
		);
		const counts = results.map((result) =>
			result.ok ? result.value.applied : result.error.message
		);
		expect(counts.filter((count) => count === 0)).toHaveLength(3);
		expect(counts.filter((count) => count !== 0)).toEqual([expect.any(Number)]);
		const { rows } = await database.db.execute<{ there: boolean }>(
			sql`select to_regclass('public.sessions') is not null as there`
		);
		expect(rows[0]?.there).toBe(true);
		expect(await migrateDatabase({ url: database.url, fence: null })).toEqual({
			ok: true,
			value: { applied: 0 }
		});
	});

	it('leaves a database of a newer version alone', async () => {
		await database.db.execute(
			sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 99999999999999)`
		);
		const result = await migrateDatabase({ url: database.url, fence: null });
		expect(result).toMatchObject({
			ok: false,
			error: { code: 'database_unreachable', message: expect.stringContaining('newer version') }
		});
		await database.db.execute(sql`delete from drizzle.__drizzle_migrations where hash = 'later'`);
	});

	it('gives up in words when another holds the lock', async () => {
		const client = await database.pool.connect();
		try {
			await client.query('select pg_advisory_lock(4201760311)');
			const result = await migrateDatabase({ url: database.url, fence: null, waitMs: 100 });
			expect(result).toMatchObject({
				ok: false,
				error: { code: 'database_unreachable', hint: expect.stringContaining('Another program') }
			});
		} finally {
			await client.query('select pg_advisory_unlock_all()');
			client.release();
		}
	});
});
