/** The same app on a PostgreSQL of one's own: pushed first, then started, and crashed in mid-stream. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { TestApp, until } from '../support/app.ts';
import {
	findExternalBinaries,
	startExternalPostgres,
	type ExternalPostgres
} from '../support/external-postgres.ts';
import { freePort } from '../support/free-port.ts';
import { gitIn, tempFolder, writeFiles } from '../support/git-fixture.ts';

const binaries = findExternalBinaries().at(0);
const repo = tempFolder('repo');
let server: ExternalPostgres | null = null;
let app: TestApp | null = null;

test.beforeAll(async () => {
	test.skip(!binaries, 'no PostgreSQL of the system’s packages is installed');
	if (binaries) server = await startExternalPostgres(binaries);
});

test.afterAll(async () => {
	await app?.remove();
	await server?.close();
	repo.remove();
});

test('a database that can never be used ends the start at once, with the way out', async () => {
	const refused = new TestApp({
		DATABASE_URL:
			server?.url.replace('/postgres?', '/ledger?').replace('tester@', 'tester:s3cret@') ?? ''
	});
	await expect(refused.start()).rejects.toThrow('the app ended');
	expect(refused.exitCode).toBe(1);
	expect(refused.output).toContain('database "ledger" does not exist');
	expect(refused.output).toContain('Create the database first (`createdb NAME`)');
	expect(refused.output).not.toContain('s3cret');
	await refused.remove();
});

test('a session on an external database, which crashes while it runs', async () => {
	if (!server) throw new Error('no server');
	gitIn(repo.path, 'init', '--quiet', '--initial-branch=main');
	writeFiles(repo.path, { 'README.md': '# Sums\n' });
	gitIn(repo.path, 'add', '--all');
	gitIn(repo.path, 'commit', '--quiet', '-m', 'Begin');
	const env = { SANDBOX_DRIVER: 'bubblewrap', DATABASE_URL: server.url };
	app = new TestApp(env);
	execFileSync(process.execPath, ['scripts/db.mjs', 'push'], {
		cwd: join(import.meta.dirname, '../..'),
		env: { ...process.env, ...env, HOME: app.home },
		stdio: 'pipe'
	});
	await app.start();

	const { id } = await app.addRepo(repo.path);
	const session = await app.startSession(id, '[[demo: text chunks=80 interval=30]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	const { pid } = app;
	await server.crashAndRestart();
	const ended = await app.sessionWhere(
		session.id,
		({ status, turns }) => status === 'waiting' && turns === 1,
		'the end of the turn'
	);
	expect(app.pid).toBe(pid);
	const events = await app.events(session.id);
	expect(events.length).toBeGreaterThanOrEqual(ended.head);
	expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
	expect(events.filter(({ type }) => type === 'runner.turn_ended')).toHaveLength(1);
	expect(JSON.stringify(events)).toContain('#80');

	await app.api('DELETE', `/api/repos/${id}?force=true`);
	await server.close();
	server = null;
	const answer = await app.api('GET', '/api/repos');
	expect([answer.status, answer.body.error.code]).toEqual([503, 'database_unreachable']);
});

test('a database that is down at the start is waited for, and said to be', async ({ browser }) => {
	test.skip(!binaries, 'no PostgreSQL of the system’s packages is installed');
	if (!binaries) return;
	const database = await startExternalPostgres(binaries);
	await database.stop();
	const waiting = new TestApp({ SANDBOX_DRIVER: 'bubblewrap', DATABASE_URL: database.url });
	waiting.origin = `http://127.0.0.1:${await freePort()}`;
	try {
		waiting.launch();
		await until(async () => waiting.output.includes('Waiting for the database'), 'the words');
		const answer = await fetch(`${waiting.origin}/api/repos`);
		expect(answer.status).toBe(503);
		expect(await answer.json()).toMatchObject({
			error: { code: 'starting_up', message: expect.stringContaining('database') }
		});
		const page = await browser.newPage();
		await page.goto(waiting.origin);
		await expect(page.getByRole('status')).toContainText('it waits for the database');
		await database.start();
		await until(async () => waiting.output.includes('is ready'), 'the start to go on');
		await expect(page.getByRole('textbox'), 'the page opens the app by itself').toBeVisible();
		expect(waiting.isRunning).toBe(true);
		await page.close();
	} finally {
		await waiting.stop();
		await database.close();
	}
});

test('a database that no waiting would mend ends the start, with what to do', async () => {
	test.skip(!binaries, 'no PostgreSQL of the system’s packages is installed');
	if (!binaries) return;
	const database = await startExternalPostgres(binaries);
	const url = database.url.replace('/postgres?', '/nobody-made-this?');
	const refused = new TestApp({ DATABASE_URL: url });
	try {
		refused.launch();
		expect(await refused.ended()).toBe(1);
		expect(refused.output).toContain('Create the database first');
	} finally {
		await database.close();
	}
});
