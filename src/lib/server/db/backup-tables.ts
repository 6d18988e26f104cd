/**
 * The tables as they go into a backup and come out of one: PostgreSQL's own text form of COPY, the same in
 * every version, with the columns by name. Out in one snapshot; in, in one transaction with the tables
 * that the backup was made from, and from there on by the migrations that came since.
 */
import { pipeline } from 'node:stream/promises';
import { join } from 'node:path';
import { getTableName, is } from 'drizzle-orm';
import { readMigrationFiles, type MigrationMeta } from 'drizzle-orm/migrator';
import { PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import * as z from 'zod';
import { findProjectRoot } from '#lib/server/project-root.ts';
import type { Fence } from './manager-lease.ts';
import * as schema from './schema.ts';

export const backupTableSchema = z.object({
	name: z.string().regex(/^[a-z_]+$/),
	columns: z.array(z.string().regex(/^[a-z_0-9]+$/)).min(1)
});
export type BackupTable = z.infer<typeof backupTableSchema>;

export interface DatabaseSnapshot {
	/** Those that others refer to first. */
	tables: BackupTable[];
	/** Names the newest migration, in milliseconds. */
	migration: number;
	serverVersion: string;
	/** The rows as text, in pieces of no particular size. */
	read(table: BackupTable): AsyncIterable<Buffer>;
}

/** Ours alone: the lease is the manager's, and others may share the database. */
const OURS = Object.values(schema)
	.filter((value) => is(value, PgTable))
	.map((table) => getTableName(table));

const TABLES = `
	select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns,
		array(select r.relname::text from pg_constraint f join pg_class r on r.oid = f.confrelid
			where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as needs
	from pg_class c join pg_attribute a on a.attrelid = c.oid
	where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname = any($1)
		and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
	group by c.oid, c.relname order by c.relname`;

interface TableRow extends BackupTable {
	needs: string[];
}

const inOrderOfNeed = (rows: TableRow[]): BackupTable[] => {
	const left = [...rows];
	const ordered: BackupTable[] = [];
	while (left.length > 0) {
		const at = left.findIndex(({ needs }) => !left.some(({ name }) => needs.includes(name)));
		const [next] = left.splice(Math.max(at, 0), 1);
		if (next) ordered.push({ name: next.name, columns: next.columns });
	}
	return ordered;
};

const connect = async (url: string): Promise<pg.Client> => {
	const client = new pg.Client({
		connectionString: url,
		application_name: 'agent-manager backup',
		connectionTimeoutMillis: 10_000,
		client_encoding: 'UTF8'
	});
	client.on('error', () => undefined);
	await client.connect();
	return client;
};

const list = ({ name, columns }: BackupTable): string =>
	`"${name}" (${columns.map((column) => `"${column}"`).join(', ')})`;

const readJournal = async (client: pg.Client): Promise<number> => {
	const { rows } = await client.query<{ newest: string }>(
		'select max(created_at)::text as newest from drizzle.__drizzle_migrations'
	);
	return Number(rows[0]?.newest);
};

/** Calls `use` with all tables as of one moment, while the app goes on writing. Throws what `pg` throws. */
export const withSnapshot = async <T>(
	url: string,
	use: (snapshot: DatabaseSnapshot) => Promise<T>
): Promise<T> => {
	const client = await connect(url);
	try {
		await client.query('begin isolation level repeatable read read only');
		const { rows } = await client.query<TableRow>(TABLES, [OURS]);
		const { rows: version } = await client.query<{ version: string }>(
			`select current_setting('server_version') as version`
		);
		const answer = await use({
			tables: inOrderOfNeed(rows),
			migration: await readJournal(client),
			serverVersion: version[0]?.version ?? '',
			read: (table) =>
				client.query(copyTo(`copy ${list(table)} to stdout`)) as AsyncIterable<Buffer>
		});
		await client.query('commit');
		return answer;
	} finally {
		await client.end().catch(() => undefined);
	}
};

const migrationsOfApp = (): MigrationMeta[] =>
	readMigrationFiles({ migrationsFolder: join(findProjectRoot(), 'drizzle') });

/** Does this version of the app have the migration that a backup ends with? */
export const knowsMigration = (migration: number): boolean =>
	migrationsOfApp().some(({ folderMillis }) => folderMillis === migration);

export const hasRows = async (url: string): Promise<boolean> => {
	const client = await connect(url);
	try {
		const { rows } = await client.query<{ there: boolean }>(
			`select to_regclass('repos') is not null as there`
		);
		if (!rows[0]?.there) return false;
		return ((await client.query('select 1 from repos limit 1')).rowCount ?? 0) > 0;
	} finally {
		await client.end().catch(() => undefined);
	}
};

const dropAll = async (client: pg.Client): Promise<void> => {
	const { rows } = await client.query<TableRow>(TABLES, [OURS]);
	for (const { name } of rows) await client.query(`drop table "${name}" cascade`);
	await client.query('drop schema if exists drizzle cascade');
};

/** As the migrator of `migrate.ts` keeps it. */
const makeJournal = (client: pg.Client): Promise<unknown> =>
	client.query(`
		create schema drizzle;
		create table drizzle.__drizzle_migrations (
			id serial primary key, hash text not null, created_at bigint
		)`);

const apply = async (client: pg.Client, migrations: MigrationMeta[]): Promise<void> => {
	for (const { sql, hash, folderMillis } of migrations) {
		for (const statement of sql) await client.query(statement);
		await client.query(
			'insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)',
			[hash, folderMillis]
		);
	}
};

const moveSequences = async (client: pg.Client, { name, columns }: BackupTable): Promise<void> => {
	for (const column of columns) {
		const { rows } = await client.query<{ sequence: string | null }>(
			'select pg_get_serial_sequence($1, $2) as sequence',
			[name, column]
		);
		const sequence = rows[0]?.sequence;
		if (!sequence) continue;
		await client.query(
			`select setval($1, greatest(max("${column}"), 1), max("${column}") is not null) from "${name}"`,
			[sequence]
		);
	}
};

export interface DatabaseRestore {
	url: string;
	fence: Fence;
	tables: readonly BackupTable[];
	migration: number;
	/** Each table's rows, in the order of `tables`. */
	rows: AsyncIterable<{ table: string; text: Buffer }>;
}

/** Replaces all tables by those of the backup, or changes nothing. Throws what `pg` throws. */
export const restoreTables = async (restore: DatabaseRestore): Promise<void> => {
	const migrations = migrationsOfApp();
	const client = await connect(restore.url);
	try {
		await restore.fence.join(client);
		await client.query('begin');
		await dropAll(client);
		await makeJournal(client);
		await apply(
			client,
			migrations.filter(({ folderMillis }) => folderMillis <= restore.migration)
		);
		await copyIn(client, restore);
		for (const table of restore.tables) await moveSequences(client, table);
		await apply(
			client,
			migrations.filter(({ folderMillis }) => folderMillis > restore.migration)
		);
		await client.query('commit');
	} finally {
		await client.end().catch(() => undefined);
	}
};

const copyIn = async (client: pg.Client, { tables, rows }: DatabaseRestore): Promise<void> => {
	const iterator = rows[Symbol.asyncIterator]();
	let next = await iterator.next();
	while (!next.done) {
		const name = next.value.table;
		const table = tables.find((known) => known.name === name);
		if (!table) throw new Error(`the backup has rows of a table that it does not name: ${name}`);
		const texts = async function* (): AsyncGenerator<Buffer> {
			for (; !next.done && next.value.table === name; next = await iterator.next()) {
				yield next.value.text;
			}
		};
		await pipeline(texts, client.query(copyFrom(`copy ${list(table)} from stdin`)));
	}
};
