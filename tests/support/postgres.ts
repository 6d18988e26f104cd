/**
 * A database of its own for each test file: the run's server is started by the first one who asks,
 * the migrations run once into a template, and every database is a copy of that.
 */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { openDatabase, type Database } from '../../src/lib/server/db/client.ts';
import {
	startEmbeddedPostgres,
	type EmbeddedPostgres
} from '../../src/lib/server/db/embedded-postgres.ts';
import { migrateDatabase } from '../../src/lib/server/db/migrate.ts';
import { unfenced } from './unfenced.ts';

export interface TestDatabase {
	url: string;
	db: Database;
	pool: pg.Pool;
	/** Closes the pool and drops the database. */
	close(): Promise<void>;
}

const TEMPLATE = 'migrated_template';
const TEMPLATE_LOCK = 1;

/** Real PostgreSQL with a tester's patience: what it loses in a power loss, no test asks for. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

/** A fresh database with all migrations applied; `empty: true` gives one without any. */
export async function testDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
	const server = await startTestServer(inject('postgresFolder'));
	const name = `test_${randomUUID().replaceAll('-', '')}`;
	if (options.empty !== true) await makeTemplate(server.url);
	const template = options.empty === true ? 'template0' : TEMPLATE;
	await query(server.url, `create database ${name} template ${template}`);
	const url = urlFor(server.url, name);
	const { db, pool, close } = openDatabase({ url, fence: unfenced });
	return {
		url,
		db,
		pool,
		close: async () => {
			await close();
			await query(server.url, `drop database if exists ${name} with (force)`);
		}
	};
}

async function startTestServer(folder: string): Promise<EmbeddedPostgres> {
	const started = await startEmbeddedPostgres({ folder, settings: SETTINGS });
	if (!started.ok) throw new Error(started.error.message);
	return started.value;
}

/** For the end of the run. */
export async function stopTestServer(folder: string): Promise<void> {
	const used = await stat(join(folder, 'data', 'postmaster.pid')).catch(() => null);
	if (used !== null) await (await startTestServer(folder)).stop();
}

/** Test files run in parallel: the first makes the template, the others wait for it. */
async function makeTemplate(serverUrl: string): Promise<void> {
	const client = new pg.Client({ connectionString: serverUrl });
	await client.connect();
	try {
		await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
		const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [
			TEMPLATE
		]);
		if (rowCount !== 0) return;
		const unfinished = `${TEMPLATE}_unfinished`;
		await client.query(`drop database if exists ${unfinished} with (force)`);
		await client.query(`create database ${unfinished} template template0`);
		const migrated = await migrateDatabase({ url: urlFor(serverUrl, unfinished), fence: null });
		if (!migrated.ok) throw new Error(migrated.error.message);
		await client.query(`alter database ${unfinished} rename to ${TEMPLATE}`);
	} finally {
		await client.end();
	}
}

async function query(url: string, text: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		await client.query(text);
	} finally {
		await client.end();
	}
}

const urlFor = (serverUrl: string, database: string): string =>
	serverUrl.replace(/\/agent_manager(?=\?|$)/, `/${database}`);
