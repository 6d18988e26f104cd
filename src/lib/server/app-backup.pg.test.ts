import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
	findExternalBinaries,
	startExternalPostgres,
	type ExternalPostgres
} from '../../../tests/support/external-postgres.ts';
import { gitIn, makeRepo, tempFolder } from '../../../tests/support/git-fixture.ts';
import {
	makeMirrorFixture,
	type MirrorFixture
} from '../../../tests/support/git-mirror-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../tests/support/session-rows.ts';
import { backUp, restore } from './app-backup.ts';
import { loadConfig, type Config } from './config.ts';
import { takeManagerLease } from './db/manager-lease.ts';
import { migrateDatabase } from './db/migrate.ts';
import { findProjectRoot } from './project-root.ts';

const say = (): void => undefined;
const temp = tempFolder('backup');
const binaries = findExternalBinaries().at(0);
const open: (() => Promise<unknown>)[] = [];
let mirror: MirrorFixture;
let source: TestDatabase;
let sourceConfig: Config;
let repoId = '';
let sessionId = '';
let file = '';

const configFor = (databaseUrl: string, name: string): Config => {
	const loaded = loadConfig({
		env: { DATABASE_URL: databaseUrl, WORKSPACE_ROOT: join(temp.path, name) },
		homeDirectory: temp.path,
		readFile: () => null
	});
	if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
	return loaded.value;
};

const emptyDatabase = async (): Promise<string> => {
	const database = await testDatabase({ empty: true });
	open.push(() => database.close());
	return database.url;
};

const query = async <T extends object>(url: string, text: string): Promise<T[]> => {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		return (await client.query<T>(text)).rows;
	} finally {
		await client.end();
	}
};

/** Of every row of every table that matters, as text. */
const fingerprint = async (url: string): Promise<Record<string, string>> => {
	const tables = ['repos', 'sessions', 'events', 'event_bodies', 'runner_commands', 'commands'];
	const entries = tables.map(async (table) => {
		const rows = await query<{ t: string }>(url, `select t::text as t from ${table} t order by 1`);
		const text = rows.map(({ t }) => t).join('\n');
		return [`${table} ${rows.length}`, createHash('sha256').update(text).digest('hex')] as const;
	});
	return Object.fromEntries(await Promise.all(entries));
};

const refs = (path: string): string =>
	gitIn(path, 'for-each-ref', '--format=%(refname) %(objectname)');

const EVENTS = 2_400;
const mirrorPath = (config: Config): string =>
	join(config.workspaceRoot, 'repos', 'local', `${repoId}.git`);

beforeAll(async () => {
	source = await testDatabase();
	sourceConfig = configFor(source.url, 'source');
	repoId = await insertTestRepo(source.db);
	sessionId = await insertTestSession(source.db, repoId);
	// Text that a careless copy breaks, and more of it than one piece takes.
	await source.pool.query(
		`insert into events (session_id, seq, ts, source, type, payload)
		select $1, n, now(), 'claude', 'claude.assistant',
			jsonb_build_object('n', n, 'text', E'tab\\t \\\\N \\\\. back\\\\slash "quoted" \\n line – ü 🦊' ||
				(select string_agg(md5(random()::text), '') from generate_series(1, 60 + n * 0)))
		from generate_series(1, ${EVENTS}) n`,
		[sessionId]
	);
	await source.pool.query('update sessions set last_seq = $1', [EVENTS]);
	await source.pool.query('insert into event_bodies values ($1, 1, $2)', [
		sessionId,
		'a body\u0001 with \\. and\r\nlines'
	]);
	await source.pool.query(
		`insert into model_calls (session_id, model, input_tokens, output_tokens, cache_read_tokens,
			cache_write_tokens, complete) values ($1, 'm', 1, 2, 3, 4, true)`,
		[sessionId]
	);
	mirror = await makeMirrorFixture();
	gitIn(mirror.mirrorPath, 'update-ref', 'refs/heads/agent/x', mirror.baseCommit);
	gitIn(mirror.mirrorPath, 'update-ref', 'refs/saved/y', mirror.baseCommit);
	mkdirSync(join(sourceConfig.workspaceRoot, 'repos', 'local'), { recursive: true });
	cpSync(mirror.mirrorPath, mirrorPath(sourceConfig), { recursive: true });
	const folder = join(sourceConfig.workspaceRoot, 'sessions', sessionId);
	mkdirSync(join(folder, 'claude', 'projects'), { recursive: true });
	mkdirSync(join(folder, 'door'));
	writeFileSync(join(folder, 'outbox-1'), Buffer.from([0, 1, 2, 255]));
	writeFileSync(join(folder, 'claude', 'projects', 'conversation.jsonl'), '{"a":1}\n');
	writeFileSync(join(folder, 'door', 'door.sock'), '');
	execFileSync('ln', ['-s', '/etc/passwd', join(folder, 'claude', 'link')]);
	execFileSync('/usr/bin/mkfifo', [join(folder, 'claude', 'pipe')]);
	file = join(temp.path, 'backup');
	const made = await backUp({ config: sourceConfig, path: file, say });
	if (!made.ok) throw new Error(made.error.message);
	expect(made.value).toMatchObject({ repos: 1, sessions: 1 });
}, 120_000);

afterEach(async () => {
	for (const end of open.splice(0).reverse()) await end();
});
afterAll(async () => {
	await source.close();
	mirror?.remove();
	temp.remove();
});

const restoreInto = (config: Config, path = file, force = false) =>
	restore({ config, path, say, force });

describe('a backup', () => {
	it('comes back with every row, ref and file, into an empty database and workspace', async () => {
		const config = configFor(await emptyDatabase(), 'whole');
		expect(await restoreInto(config)).toMatchObject({ ok: true, value: { keptIn: null } });
		expect(await fingerprint(config.databaseUrl ?? '')).toEqual(await fingerprint(source.url));
		expect(refs(mirrorPath(config))).toBe(refs(mirrorPath(sourceConfig)));
		gitIn(mirrorPath(config), 'fsck', '--strict');
		const folder = join(config.workspaceRoot, 'sessions', sessionId);
		expect(readFileSync(join(folder, 'outbox-1'))).toEqual(Buffer.from([0, 1, 2, 255]));
		expect(readdirSync(join(folder, 'claude'), { recursive: true }).sort()).toEqual([
			'projects',
			'projects/conversation.jsonl'
		]);
		expect(existsSync(join(folder, 'door'))).toBe(false);
		expect(readdirSync(config.workspaceRoot).sort()).toEqual([
			'instance',
			'repos',
			'sessions',
			'worktrees'
		]);
		// What is added next does not meet what came back.
		await query(
			config.databaseUrl ?? '',
			`insert into model_calls (session_id, model, input_tokens, output_tokens, cache_read_tokens,
				cache_write_tokens, complete) values ('${sessionId}', 'm', 1, 2, 3, 4, true)`
		);
	});

	it('goes from PostgreSQL 18 to 15 and back', async (context) => {
		if (!binaries) return context.skip('no PostgreSQL of the system’s packages is installed');
		const server: ExternalPostgres = await startExternalPostgres(binaries);
		open.push(() => server.close());
		const older = configFor(server.url, 'older');
		expect(await restoreInto(older)).toMatchObject({ ok: true });
		expect(await fingerprint(server.url)).toEqual(await fingerprint(source.url));
		const again = join(temp.path, 'backup-of-older');
		expect(await backUp({ config: older, path: again, say })).toMatchObject({ ok: true });
		const config = configFor(await emptyDatabase(), 'newer');
		expect(await restoreInto(config, again)).toMatchObject({ ok: true });
		expect(await fingerprint(config.databaseUrl ?? '')).toEqual(await fingerprint(source.url));
	}, 120_000);

	it('of an older version of the tables is brought up to date', async () => {
		const folder = join(temp.path, 'older-migrations');
		cpSync(join(findProjectRoot(), 'drizzle'), folder, { recursive: true });
		const journal = join(folder, 'meta', '_journal.json');
		const { entries, ...rest } = JSON.parse(readFileSync(journal, 'utf8')) as {
			entries: unknown[];
		};
		writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.slice(0, 1) }));
		const url = await emptyDatabase();
		const migrated = await migrateDatabase({ url, fence: null, migrationsFolder: folder });
		expect(migrated).toMatchObject({ ok: true, value: { applied: 1 } });
		await query(
			url,
			`insert into repos (id, kind, identity, owner, name, url, mirror_path, status)
			values ('${repoId}', 'local', 'i', 'o', 'n', 'u', 'repos/local/a.git', 'ready')`
		);
		const path = join(temp.path, 'old-backup');
		expect(await backUp({ config: configFor(url, 'old'), path, say })).toMatchObject({ ok: true });
		const config = configFor(await emptyDatabase(), 'updated');
		expect(await restoreInto(config, path)).toMatchObject({ ok: true });
		const target = config.databaseUrl ?? '';
		expect(await query(target, 'select owner from repos')).toEqual([{ owner: 'o' }]);
		expect(await migrateDatabase({ url: target, fence: null })).toEqual({
			ok: true,
			value: { applied: 0 }
		});
		await query(target, 'select pinned_at from sessions');
	}, 60_000);

	it('is of one moment, while the app goes on writing', async () => {
		let writing = true;
		const writer = (async () => {
			for (let n = EVENTS + 1; writing; n++) {
				await source.pool.query(
					`with e as (insert into events (session_id, seq, ts, source, type, payload)
						values ($1, $2, now(), 'claude', 't', '{}'))
					update sessions set last_seq = $2 where id = $1`,
					[sessionId, n]
				);
			}
		})();
		const path = join(temp.path, 'live');
		expect(await backUp({ config: sourceConfig, path, say })).toMatchObject({ ok: true });
		writing = false;
		await writer;
		const config = configFor(await emptyDatabase(), 'live-target');
		expect(await restoreInto(config, path)).toMatchObject({ ok: true });
		const [row] = await query<{ head: number; events: number; last: number }>(
			config.databaseUrl ?? '',
			`select s.last_seq::int as head, count(*)::int as events, max(e.seq)::int as last
			from sessions s join events e on e.session_id = s.id group by s.last_seq`
		);
		expect(row?.head).toBeGreaterThan(EVENTS);
		expect(row).toEqual({ head: row?.head, events: row?.head, last: row?.head });
	});
});

describe('a restore changes nothing', () => {
	/** Restores into a fresh target, which must be as untouched as before; the words. */
	const refusal = async (path: string): Promise<string> => {
		const url = await emptyDatabase();
		const config = configFor(url, `refused-${Math.random().toString(36).slice(2)}`);
		const answer = await restoreInto(config, path);
		expect(existsSync(config.workspaceRoot)).toBe(false);
		expect(await query(url, `select 1 from pg_class where relname = 'repos'`)).toEqual([]);
		return answer.ok ? 'restored' : answer.error.message;
	};
	const changed = (name: string, change: (bytes: Buffer) => Buffer): string => {
		const path = join(temp.path, name);
		writeFileSync(path, change(readFileSync(file)));
		return path;
	};

	it.each([0, 0.2, 0.5, 0.9, 0.999])('from a file that is cut off at %f', async (part) => {
		const path = changed('cut', (bytes) => bytes.subarray(0, Math.floor(bytes.length * part)));
		expect(await refusal(path)).toMatch(/no backup|cut off|damaged/);
	});

	it.each([0.3, 0.6, 0.95])('from a file with a byte changed at %f', async (part) => {
		const path = changed('bent', (bytes) => {
			const copy = Buffer.from(bytes);
			const at = Math.floor(copy.length * part);
			copy[at] = (copy[at] ?? 0) ^ 1;
			return copy;
		});
		expect(await refusal(path)).toMatch(/damaged|cut off/);
	});

	it('from a file whose rows were changed, though gzip finds nothing wrong', async () => {
		const path = changed('forged', (bytes) => {
			const tar = gunzipSync(bytes);
			const at = tar.indexOf('quoted');
			tar.write('Quoted', at);
			return gzipSync(tar);
		});
		expect(await refusal(path)).toContain('its checksum is wrong');
	});

	it('from somebody else’s file', async () => {
		const text = join(temp.path, 'text');
		writeFileSync(text, 'hello');
		expect(await refusal(text)).toContain('no backup of Agent Manager');
		const archive = join(temp.path, 'other.tar.gz');
		execFileSync('tar', ['-czf', archive, '-C', makeRepo(join(temp.path, 'other')), '.']);
		expect(await refusal(archive)).toContain('no backup of Agent Manager');
		expect(await refusal(join(temp.path, 'missing'))).toContain('can’t be opened');
	});

	it('where repos are already, unless it is told to; then the folders are kept', async () => {
		const config = configFor(await emptyDatabase(), 'in-use');
		expect(await restoreInto(config)).toMatchObject({ ok: true });
		const url = config.databaseUrl ?? '';
		await query(url, `update repos set owner = 'mine'`);
		expect(await restoreInto(config)).toMatchObject({
			ok: false,
			error: { code: 'bad_request', message: expect.stringContaining('already') }
		});
		expect(await query(url, 'select owner from repos')).toEqual([{ owner: 'mine' }]);
		const forced = await restoreInto(config, file, true);
		expect(forced).toMatchObject({
			ok: true,
			value: { keptIn: expect.stringContaining('before-restore') }
		});
		expect(await query(url, 'select owner from repos')).toEqual([{ owner: 'local' }]);
		if (forced.ok)
			expect(readdirSync(forced.value.keptIn ?? '').sort()).toEqual(['repos', 'sessions']);
	});

	it('while a manager leads', async () => {
		const config = configFor(await emptyDatabase(), 'led');
		mkdirSync(config.workspaceRoot, { recursive: true });
		const instance = '00000000-0000-4000-8000-000000000000';
		writeFileSync(join(config.workspaceRoot, 'instance'), instance);
		const lease = await takeManagerLease({
			url: config.databaseUrl ?? '',
			instance,
			holder: 'pid 1 at http://127.0.0.1:3000',
			address: '',
			onStandby: () => undefined,
			onLost: () => undefined
		});
		if (!lease.ok) throw new Error(lease.error.message);
		expect(await restoreInto(config, file, true)).toMatchObject({
			ok: false,
			error: { message: expect.stringContaining('pid 1 at http://127.0.0.1:3000') }
		});
		await lease.value.release();
		expect(readdirSync(config.workspaceRoot)).toEqual(['instance']);
	});
});

it('is never written over a file, and leaves none when it fails', async () => {
	const again = await backUp({ config: sourceConfig, path: file, say });
	expect(again).toMatchObject({
		ok: false,
		error: { message: expect.stringContaining('is there already') }
	});
	const path = join(temp.path, 'no', 'such', 'folder');
	expect(await backUp({ config: sourceConfig, path, say })).toMatchObject({ ok: false });
	expect(existsSync(join(temp.path, 'no'))).toBe(false);
});
