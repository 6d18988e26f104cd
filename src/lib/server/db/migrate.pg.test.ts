import { randomUUID } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from 'drizzle-orm';
import { tempFolder } from '../../../../tests/support/git-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { findProjectRoot } from '#lib/server/project-root.ts';
import { migrateDatabase } from './migrate.ts';

const indexName = (words: string, verb: 'CREATE' | 'DROP'): string | undefined =>
	new RegExp(`^${verb} INDEX "(\\w+)"`, 'i').exec(words)?.[1];

/**
 * What would break a manager of the version before, which may still run or be started again. An index made
 * anew under its name is none: what it was for is still found by it.
 */
const contractions = (text: string): string[] => {
	const statements = text
		.split('--> statement-breakpoint')
		.map((statement) => statement.replaceAll(/\s+/g, ' ').trim());
	const made = new Set(statements.map((words) => indexName(words, 'CREATE')));
	return statements.filter((words) => {
		const dropped = indexName(words, 'DROP');
		if (dropped !== undefined) return !made.has(dropped);
		if (/\b(DROP|RENAME|SET NOT NULL|SET DATA TYPE)\b/i.test(words)) return true;
		return /ADD COLUMN/i.test(words) && /NOT NULL/i.test(words) && !/DEFAULT/i.test(words);
	});
};

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

	it('that fails leaves all as it was, so that the version before still starts', async () => {
		const folder = tempFolder('migrations');
		try {
			cpSync(join(findProjectRoot(), 'drizzle'), folder.path, { recursive: true });
			const path = join(folder.path, 'meta', '_journal.json');
			const journal = JSON.parse(readFileSync(path, 'utf8')) as { entries: object[] };
			for (const [idx, tag] of ['9998_fine', '9999_broken'].entries()) {
				const when = 9_000_000_000_000 + idx;
				journal.entries.push({ idx: 9998 + idx, version: '7', when, tag, breakpoints: true });
			}
			writeFileSync(path, JSON.stringify(journal));
			writeFileSync(join(folder.path, '9998_fine.sql'), 'create table later (id integer)');
			writeFileSync(join(folder.path, '9999_broken.sql'), 'alter table nowhere add column a text');
			const { url } = database;
			const failed = await migrateDatabase({ url, fence: null, migrationsFolder: folder.path });
			expect(failed).toMatchObject({
				ok: false,
				error: { code: 'database_unreachable', message: expect.stringContaining('nowhere') }
			});
			const { rows } = await database.db.execute<{ there: boolean }>(
				sql`select to_regclass('public.later') is not null as there`
			);
			expect(rows[0]?.there).toBe(false);
			const again = await migrateDatabase({ url, fence: null });
			expect(again).toEqual({ ok: true, value: { applied: 0 } });
		} finally {
			folder.remove();
		}
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

interface Snapshot {
	tables: Record<string, { name: string; columns: Record<string, { name: string; type: string }> }>;
}

describe('a manager of an earlier version on the database of today', () => {
	const folder = join(findProjectRoot(), 'drizzle', 'meta');
	const snapshots = readdirSync(folder)
		.filter((name) => name.endsWith('_snapshot.json'))
		.sort();
	let database: TestDatabase;
	beforeAll(async () => {
		database = await testDatabase();
	});
	afterAll(() => database.close());

	const ids: Record<string, string> = { repo_id: randomUUID(), session_id: randomUUID() };
	const idOf: Record<string, string | undefined> = { repos: ids.repo_id, sessions: ids.session_id };
	const valueOf = (table: string, { name, type }: { name: string; type: string }): unknown => {
		if (type === 'uuid') return (name === 'id' ? idOf[table] : ids[name]) ?? randomUUID();
		if (type === 'text') return 'x';
		if (type === 'json' || type === 'jsonb') return '{}';
		if (type === 'boolean') return true;
		return type.startsWith('timestamp') ? new Date() : 1;
	};
	/** Those that others point to come first. */
	const inOrder = ({ tables }: Snapshot) => {
		const rank = ({ name }: { name: string }): number =>
			['repos', 'sessions'].indexOf(name) + 1 || 3;
		return Object.values(tables).sort((a, b) => rank(a) - rank(b));
	};

	it.each(snapshots)('writes and reads what it knew by %s', async (name) => {
		const snapshot = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Snapshot;
		const client = await database.pool.connect();
		try {
			await client.query('begin');
			for (const table of inOrder(snapshot)) {
				const columns = Object.values(table.columns);
				const names = columns.map((column) => `"${column.name}"`).join(', ');
				const places = columns.map((_, index) => `$${index + 1}`).join(', ');
				const values = columns.map((column) => valueOf(table.name, column));
				await client.query(`insert into "${table.name}" (${names}) values (${places})`, values);
				const { rowCount } = await client.query(`select ${names} from "${table.name}"`);
				expect(rowCount, table.name).toBe(1);
			}
		} finally {
			await client.query('rollback');
			client.release();
		}
	});

	it('would be found out: a column that it does not fill, a rule that it does not keep', async () => {
		const insert = `insert into repos (id, kind, identity, owner, name, url, mirror_path, status)
			values ('${randomUUID()}', 'local', 'a', 'a', 'a', 'a', 'a', 'ready')`;
		for (const change of ['add column b text not null', "add check (name <> 'a')"]) {
			const client = await database.pool.connect();
			try {
				await client.query('begin');
				await client.query(`alter table repos ${change}`);
				await expect(client.query(insert), change).rejects.toThrow(/violates/);
			} finally {
				await client.query('rollback');
				client.release();
			}
		}
	});
});

describe('every migration after the first', () => {
	const folder = join(findProjectRoot(), 'drizzle');
	const [, ...later] = readdirSync(folder)
		.filter((name) => name.endsWith('.sql'))
		.sort();

	it.each(later)('%s only adds', (name) => {
		expect(contractions(readFileSync(join(folder, name), 'utf8'))).toEqual([]);
	});

	it.each([
		'ALTER TABLE "a" DROP COLUMN "b";',
		'ALTER TABLE "a" RENAME COLUMN "b" TO "c";',
		'ALTER TABLE "a" ALTER COLUMN "b" SET NOT NULL;',
		'ALTER TABLE "a" ADD COLUMN "b" text NOT NULL;',
		'DROP INDEX "a";--> statement-breakpoint CREATE INDEX "b" ON "c" USING btree ("d");'
	])('would be found out: %s', (statement) => {
		expect(contractions(statement)).toHaveLength(1);
	});
});
