/** The same code on a server of the system's package: 15 is the oldest we promise. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
	findExternalBinaries,
	startExternalPostgres,
	type ExternalPostgres
} from '../../../../tests/support/external-postgres.ts';
import { openDatabase, waitForDatabase, withRetry } from './client.ts';
import { migrateDatabase } from './migrate.ts';
import { unfenced } from '../../../../tests/support/unfenced.ts';

const [binaries] = findExternalBinaries();

if (binaries === undefined) {
	it.skip('external PostgreSQL: no server package is installed (apt install postgresql)');
} else {
	describe(`external PostgreSQL ${binaries.version}`, () => {
		let server: ExternalPostgres;
		beforeAll(async () => {
			server = await startExternalPostgres(binaries);
		});
		afterAll(() => server.close());

		it('takes all migrations', async () => {
			const result = await migrateDatabase({ url: server.url, fence: null });
			expect(result).toMatchObject({ ok: true, value: { applied: expect.any(Number) } });
			expect(await waitForDatabase({ url: server.url, onWaiting: () => undefined })).toEqual({
				ok: true
			});
		});

		it('comes back after crashes, without harm to the process or the pool', async () => {
			const errors: Error[] = [];
			const { db, pool, close } = openDatabase({
				url: server.url,
				fence: unfenced,
				onConnectionError: (error) => errors.push(error)
			});
			try {
				await db.execute('create table counted (n int primary key)');
				for (let n = 1; n <= 5; n++) {
					const held = await pool.connect();
					await held.query('select 1');
					const crashed = server.crashAndRestart();
					await withRetry(() =>
						pool.query('insert into counted values ($1) on conflict do nothing', [n])
					);
					await crashed;
					held.release(true);
				}
				const { rows } = await withRetry(() =>
					pool.query('select count(*)::int as n from counted')
				);
				expect(rows[0]).toEqual({ n: 5 });
				expect(errors.length).toBeGreaterThan(0);
			} finally {
				await close();
			}
		});
	});
}
