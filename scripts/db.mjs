/**
 * `npm run db:migrate`, `db:push`, `db:studio`: on the database that the app would use, embedded
 * (started for this if it does not run) or external.
 *
 * `push` and `migrate` are one and the same: the checked-in migrations with their journal. What
 * Drizzle calls push would change the tables without a word in the journal, and the next start would
 * try to make them again.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { fail, say } from './progress.mjs';

const COMMANDS = ['migrate', 'push', 'studio'];
const WAIT_MS = 30_000;

checkNodeVersion();
const command = process.argv[2] ?? '';
if (!COMMANDS.includes(command)) fail(`Usage: node scripts/db.mjs ${COMMANDS.join('|')}`);
await ensureDependencies();

const { register } = await import('tsx/esm/api');
register();
const { loadProcessConfig, formatConfigProblems } =
	await import('../src/lib/server/config-process.ts');
const { waitForDatabase } = await import('../src/lib/server/db/client.ts');
const { redactUrl } = await import('../src/lib/server/db/database-url.ts');
const { startEmbeddedPostgres } = await import('../src/lib/server/db/embedded-postgres.ts');
const { migrateDatabase } = await import('../src/lib/server/db/migrate.ts');

/** @param {import('@agent-manager/protocol/errors.ts').WireError} error */
const failWith = (error) => fail(`${error.message}\n${error.hint ?? ''}`.trim());

/**
 * The app's database, ready. `close` stops the embedded one if this process started it and nobody
 * else has come to use it.
 * @returns {Promise<{ url: string, close: () => Promise<unknown> }>}
 */
async function openAppDatabase() {
	const config = loadProcessConfig();
	if (!config.ok) return fail(formatConfigProblems(config.error));
	const { databaseUrl, workspaceRoot } = config.value;
	if (databaseUrl === null) {
		const folder = join(workspaceRoot, 'postgres');
		const started = await startEmbeddedPostgres({ folder, onStatus: say });
		if (!started.ok) return failWith(started.error);
		const { url, origin, stop } = started.value;
		say(`The embedded database in ${folder} (${origin === 'adopted' ? 'it runs' : origin}).`);
		return {
			url,
			close: async () => (origin === 'adopted' ? false : stop({ unlessInUse: true }))
		};
	}
	say(`The database at ${redactUrl(databaseUrl)}.`);
	const ready = await waitForDatabase({
		url: databaseUrl,
		timeoutMs: WAIT_MS,
		onWaiting: ({ attempt, message }) => {
			if (attempt === 1) say(`Waiting for it: ${message}`);
		}
	});
	if (!ready.ok) return failWith(ready.error);
	return { url: databaseUrl, close: async () => false };
}

/** @param {string} url */
async function migrate(url) {
	const migrated = await migrateDatabase({ url, fence: null });
	if (!migrated.ok) return migrated.error;
	const { applied } = migrated.value;
	say(
		applied === 0 ? 'It is up to date.' : `Applied ${applied} migration${applied > 1 ? 's' : ''}.`
	);
	return null;
}

/**
 * Runs until it is interrupted; the terminal sends Ctrl-C to the child as well.
 * @param {string} url
 */
async function studio(url) {
	say('Drizzle Studio serves the data on this machine, but loads its page from the internet:');
	say('https://local.drizzle.studio. Without a network, use psql with DATABASE_URL.');
	const program = join(ROOT, 'node_modules', 'drizzle-kit', 'bin.cjs');
	const child = spawn(process.execPath, [program, 'studio', '--host', '127.0.0.1'], {
		cwd: ROOT,
		env: { ...process.env, DATABASE_URL: url },
		stdio: 'inherit'
	});
	process.on('SIGINT', () => undefined);
	process.on('SIGTERM', () => child.kill('SIGTERM'));
	await new Promise((resolve) => child.once('exit', resolve));
}

const database = await openAppDatabase();
const error = command === 'studio' ? await studio(database.url) : await migrate(database.url);
await database.close();
if (error) failWith(error);
