/**
 * Brings a database to the app's schema with the checked-in migrations of `drizzle/`. The start,
 * `db:migrate` and `db:push` all come here, so that they share one journal and can follow each
 * other in any order. Two managers at once: an advisory lock lets one go first.
 */
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import { findProjectRoot } from '#lib/server/project-root.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { databaseErrorMessage, errorCodeOf } from './connection-errors.ts';
import { FencedError } from './lease-table.ts';
import type { Fence } from './manager-lease.ts';

export interface MigrateOptions {
	url: string;
	/** The manager's; null for the command by hand, which may run beside one: migrations only expand. */
	fence: Fence | null;
	/** Folder of the migrations; the project's `drizzle/` when left out. */
	migrationsFolder?: string;
	/** How long to wait for another manager that migrates. */
	waitMs?: number;
	/** How long a migration may wait for a table that is in use. */
	tableLockMs?: number;
}

export interface Migrated {
	/** How many migrations this call applied. */
	applied: number;
}

/** Any number, as long as every version of the app uses the same. */
const ADVISORY_LOCK = 4_201_760_311;
const LOCK_NOT_AVAILABLE = '55P03';

/** Applies what is missing, all or nothing. A database of a newer version of the app is left alone. */
export async function migrateDatabase(
	options: MigrateOptions
): Promise<Result<Migrated, WireError>> {
	const client = new pg.Client({
		connectionString: options.url,
		application_name: 'agent-manager migrate',
		connectionTimeoutMillis: 10_000
	});
	client.on('error', () => undefined);
	try {
		await client.connect();
		await options.fence?.join(client);
		await setLockTimeout(client, options.waitMs ?? 60_000);
		await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
		await setLockTimeout(client, options.tableLockMs ?? 5_000);
		return await applyMissing(
			client,
			options.migrationsFolder ?? join(findProjectRoot(), 'drizzle')
		);
	} catch (error) {
		return fail(describe(error));
	} finally {
		await client.end().catch(() => undefined);
	}
}

const setLockTimeout = (client: pg.Client, ms: number): Promise<unknown> =>
	client.query(`select set_config('lock_timeout', $1, false)`, [String(ms)]);

async function applyMissing(
	client: pg.Client,
	migrationsFolder: string
): Promise<Result<Migrated, WireError>> {
	const known = readMigrationFiles({ migrationsFolder });
	const db = drizzle(client);
	const newestKnown = Math.max(...known.map((migration) => migration.folderMillis));
	const before = await newestApplied(db);
	if (before !== null && before > newestKnown) {
		return fail(
			wireError(
				'database_unreachable',
				'The database was made by a newer version of Agent Manager than this one.',
				{ hint: 'Update the app, or use another database.' }
			)
		);
	}
	await migrate(db, { migrationsFolder });
	const missing = known.filter(({ folderMillis }) => before === null || folderMillis > before);
	return ok({ applied: missing.length });
}

/** The time that names the newest migration in the database's journal; null when there is none. */
async function newestApplied(db: NodePgDatabase): Promise<number | null> {
	const { rows: tables } = await db.execute<{ there: boolean }>(
		sql`select to_regclass('drizzle.__drizzle_migrations') is not null as there`
	);
	if (tables[0]?.there !== true) return null;
	const { rows } = await db.execute<{ newest: string | null }>(
		sql`select max(created_at)::text as newest from drizzle.__drizzle_migrations`
	);
	const newest = rows[0]?.newest;
	return newest === null || newest === undefined ? null : Number(newest);
}

function describe(error: unknown): WireError {
	if (error instanceof FencedError) return error.wire;
	const message = databaseErrorMessage(error);
	if (errorCodeOf(error) === LOCK_NOT_AVAILABLE) {
		return wireError('database_unreachable', `The database could not be migrated: ${message}`, {
			hint: 'Another program holds its tables; close it, then start again.'
		});
	}
	if (errorCodeOf(error) === '42501') {
		return wireError('database_unreachable', `The database could not be migrated: ${message}`, {
			hint: 'The user in DATABASE_URL needs the right to create schemas and tables in it.'
		});
	}
	return wireError('database_unreachable', `The database could not be migrated: ${message}`, {
		hint: 'Nothing was changed. See the message above; `npm run doctor` checks the connection.'
	});
}
