/** Two managers of one workspace: one leads, the other waits, and a session goes on when they change. */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import pg from 'pg';
import WebSocket from 'ws';
import { startEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres.ts';
import { TestApp } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { atRest, makeRepo, sandboxes, violations } from '../support/lifecycle.ts';

const ENV = { SANDBOX_DRIVER: 'bubblewrap' };
const PROMPT = '[[demo: text chunks=400 interval=50]]';
const TAKEOVER_MS = 15_000;

const repo = tempFolder('repo');
const one = new TestApp(ENV);
const two = new TestApp(ENV, { home: one.home });
let repoId = '';

// Each goes on from who leads after the one before.
test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
	makeRepo(repo.path);
	await one.start();
	repoId = (await one.addRepo(repo.path)).id;
	await two.startAsStandby();
});

test.afterAll(async () => {
	for (const app of [one, two]) app.thaw();
	await one.stop();
	await two.start();
	await two.remove();
	repo.remove();
});

const openTurn = async (app: TestApp): Promise<string> => {
	const { id } = await app.startSession(repoId, PROMPT);
	await app.sessionWhere(id, ({ status }) => status === 'running', 'the turn');
	return id;
};

/** The session's turn is the same one, in the same sandbox, and nothing of it is missing. */
const goesOn = async (app: TestApp, id: string): Promise<void> => {
	await app.sessionWhere(id, atRest, 'the end of the turn');
	const events = await app.events(id);
	expect(violations(events)).toEqual([]);
	expect(events.filter(({ type }) => type === 'sandbox.started')).toHaveLength(1);
	expect(events.filter(({ type }) => type === 'runner.turn_ended')).toHaveLength(1);
	expect(JSON.stringify(events)).toContain('#400');
	expect(sandboxes(app)).toEqual([id]);
	await app.api('DELETE', `/api/sessions/${id}?purge=true`);
	await expect.poll(async () => (await app.api('GET', `/api/sessions/${id}`)).status).toBe(404);
};

test('the standby says who leads, and nothing else', async ({ page }) => {
	const answers = [
		await two.api('GET', '/api/repos'),
		await two.api('POST', '/api/repos', { url: repo.path })
	];
	for (const { status, body } of answers) {
		expect(status).toBe(503);
		expect(body.error).toMatchObject({
			code: 'not_leader',
			details: { address: one.origin, holder: `pid ${one.pid} at ${one.origin}` }
		});
	}
	const refused = await new Promise((resolve) => {
		const ws = new WebSocket(`${two.origin.replace('http', 'ws')}/ws`);
		ws.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
	});
	expect(refused).toBe(503);
	await page.goto(two.origin);
	await expect(page.getByRole('heading', { name: 'Another manager leads' })).toBeVisible();
	await expect(page.getByRole('link', { name: one.origin })).toBeVisible();
});

test('it takes over from a killed leader, and its page goes on', async ({ page }) => {
	const id = await openTurn(one);
	await page.goto(two.origin);
	await expect(page.getByRole('heading', { name: 'Another manager leads' })).toBeVisible();
	const before = Date.now();
	await one.kill();
	await two.whenReady();
	const took = Date.now() - before;
	test.info().annotations.push({ type: 'takeover', description: `${took} ms` });
	expect(took).toBeLessThan(TAKEOVER_MS);
	// Signed out at most: the page is the app's again.
	await expect(page.getByRole('heading', { name: 'Another manager leads' })).toBeHidden();
	await goesOn(two, id);
});

test('it takes over at once from a leader that is stopped', async () => {
	await one.startAsStandby();
	const id = await openTurn(two);
	await two.stop();
	const before = Date.now();
	await one.whenReady();
	expect(Date.now() - before).toBeLessThan(5_000);
	await goesOn(one, id);
});

test('it ends a leader that hangs', async () => {
	await two.startAsStandby();
	const id = await openTurn(one);
	one.freeze();
	const before = Date.now();
	await two.whenReady();
	expect(Date.now() - before).toBeLessThan(TAKEOVER_MS);
	expect(await one.ended()).toBe('SIGKILL');
	await goesOn(two, id);
});

test('one that wakes up on another machine ends by itself and touches nothing', async () => {
	test.setTimeout(180_000);
	await one.startAsStandby();
	const id = await openTurn(two);
	const folder = join(two.workspace, 'postgres');
	const server = await startEmbeddedPostgres({ folder });
	if (!server.ok) throw new Error(server.error.message);
	const client = new pg.Client(server.value.url);
	await client.connect();
	try {
		await client.query(
			`update manager_lease set process = jsonb_set(process, '{machine}', '"elsewhere"')`
		);
	} finally {
		await client.end();
	}
	two.freeze();
	await one.whenReady();
	two.thaw();
	expect(await two.ended()).toBe(75);
	expect(two.output).toContain('another manager has taken over');
	await goesOn(one, id);
});
