/** The main road in a real browser: add a repo, start a session, reload in the middle, come back. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import pg from 'pg';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { transcriptHash } from '../../src/lib/domain/canonical-json.ts';
import { processesWith } from '../../bench/process-memory.ts';
import { startEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres.ts';
import { TestApp, until } from '../support/app.ts';
import { DRIVERS, engineFor } from '../support/driver-engine.ts';
import { gitIn, tempFolder, writeFiles, type TempFolder } from '../support/git-fixture.ts';
import { atRest, eventsAtRest } from '../support/lifecycle.ts';

const makeRepo = (folder: string): void => {
	gitIn(folder, 'init', '--quiet', '--initial-branch=main');
	writeFiles(folder, { 'README.md': '# Sums\n\nAdds numbers.\n', 'src/add.js': 'export {};\n' });
	gitIn(folder, 'add', '--all');
	gitIn(folder, 'commit', '--quiet', '-m', 'Begin');
};

const hashInDatabase = async (app: TestApp, sessionId: string): Promise<string> => {
	const server = await startEmbeddedPostgres({ folder: join(app.workspace, 'postgres') });
	if (!server.ok) throw new Error(server.error.message);
	expect(server.value.origin).toBe('adopted');
	const client = new pg.Client(server.value.url);
	await client.connect();
	const { rows } = await client.query<SessionEvent & { seq: string }>(
		'select seq, source, type, payload from events where session_id = $1 order by seq',
		[sessionId]
	);
	await client.end();
	return transcriptHash(rows.map((row) => ({ ...row, seq: Number(row.seq) })));
};

/** The page's own hash once it has everything up to `head`, from the first event on. */
const hashInPage = async (page: Page, head: number): Promise<string> => {
	const transcript = page.locator('[data-transcript-hash]');
	await expect(transcript).toHaveAttribute('data-head', String(head));
	await expect(transcript).toHaveAttribute('data-first', '1');
	return (await transcript.getAttribute('data-transcript-hash')) ?? '';
};

for (const driver of DRIVERS) {
	test.describe(`with ${driver}`, () => {
		// Each goes on from the repo that the first one adds: tried again as a whole.
		test.describe.configure({ mode: 'serial' });
		let app: TestApp;
		let repo: TempFolder;
		let stopEngine: () => Promise<void> = async () => undefined;

		test.beforeAll(async () => {
			const engine = await engineFor(driver);
			if ('skipped' in engine) return test.skip(true, engine.skipped);
			stopEngine = engine.stop;
			repo = tempFolder('repo');
			makeRepo(repo.path);
			app = await new TestApp({ SANDBOX_DRIVER: driver, ...engine.env }).start();
		});
		test.afterAll(async () => {
			await app?.remove();
			repo?.remove();
			await stopEngine();
		});

		test('a session edits, commits, and is all there after a reload', async ({ page }) => {
			const foreign: string[] = [];
			page.on('request', (request) => {
				if (!request.url().startsWith(app.origin)) foreign.push(request.url());
			});
			await page.goto(app.link);
			await expect(page).toHaveURL(`${app.origin}/`);
			await page.getByLabel('Repository').fill(repo.path);
			await page.getByRole('button', { name: 'Add repo' }).click();
			await expect(page).toHaveURL(/\/repos\//);

			await page
				.getByLabel('What should the agent do?')
				.fill('Add a note about sums and commit it.');
			await page.getByRole('button', { name: 'Start session' }).click();
			await expect(page).toHaveURL(/\/sessions\//);
			const sessionId = page.url().split('/').at(-1) ?? '';
			const status = page.getByTestId('session-status').first();
			await expect(status).toHaveAttribute('data-status', 'running');
			await expect(page.getByRole('log')).toContainText('README.md');
			await page.reload();

			await expect(status).toHaveAttribute('data-waiting-for', 'input');
			await expect(page.getByRole('log')).toContainText('This was the demo model');
			const session = await app.session(sessionId);
			expect(session.driver).toBe(driver);
			expect(session.commitCount).toBe(1);

			const events = await eventsAtRest(app, sessionId);
			const hash = transcriptHash(events);
			expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
			expect(await hashInPage(page, events.length)).toBe(hash);
			expect(await hashInDatabase(app, sessionId)).toBe(hash);

			const mirrors = join(app.workspace, 'repos', 'local');
			const mirror = join(mirrors, readdirSync(mirrors)[0] ?? '');
			const log = gitIn(mirror, 'log', '--format=%H', session.branchName);
			expect(log.split('\n')).toHaveLength(2);
			expect(log.split('\n')[0]).toBe(session.headCommit);
			expect(gitIn(repo.path, 'branch', '--list')).toBe('* main');
			expect(gitIn(repo.path, 'status', '--porcelain')).toBe('');
			expect(readFileSync(join(repo.path, 'README.md'), 'utf8')).toBe('# Sums\n\nAdds numbers.\n');
			expect(foreign).toEqual([]);
		});

		test('a later message goes on with the conversation, and stop is soon', async ({ page }) => {
			const { body } = await app.api('GET', '/api/repos');
			const detail = await app.api('GET', `/api/repos/${body.repos[0].id}`);
			const sessionId: string = detail.body.sessions[0].id;
			await page.goto(app.link);
			await page.goto(`${app.origin}/sessions/${sessionId}`);
			await page.getByLabel('Message to the agent').fill('What did you do?');
			await page.keyboard.press('Enter');
			await app.sessionWhere(
				sessionId,
				({ turns, status }) => turns === 2 && status === 'waiting',
				'the second turn'
			);
			await page.getByRole('button', { name: 'Stop session' }).click();
			const status = page.getByTestId('session-status').first();
			await expect(status).toHaveAttribute('data-status', 'stopped', { timeout: 10_000 });
			await page.getByRole('button', { name: 'Resume' }).first().click();
			await expect(status).toHaveAttribute('data-waiting-for', 'input');
		});

		test('a manager that is killed in mid-stream goes on with the same sandbox', async ({
			page
		}) => {
			const { body } = await app.api('GET', '/api/repos');
			const started = await app.startSession(
				body.repos[0].id,
				'[[demo: text chunks=120 interval=40]]'
			);
			await page.goto(app.link);
			await page.goto(`${app.origin}/sessions/${started.id}`);
			await expect(page.getByRole('log')).toContainText('#10');
			await app.kill();
			await expect(page.getByTestId('connection-state').first()).not.toHaveAttribute(
				'data-status',
				'open'
			);
			await app.start();
			await app.sessionWhere(started.id, atRest, 'the end of the turn');
			const events = await eventsAtRest(app, started.id);
			expect(events.filter(({ type }) => type === 'sandbox.started')).toHaveLength(1);
			expect(events.filter(({ type }) => type === 'runner.turn_started')).toHaveLength(1);
			expect(await hashInPage(page, events.length)).toBe(transcriptHash(events));
		});

		test('asleep it takes no memory, and a message wakes it with its conversation', async () => {
			const { body } = await app.api('GET', '/api/repos');
			const { id } = await app.startSession(body.repos[0].id, 'Add a note and commit it.');
			await app.sessionWhere(id, ({ waitingFor }) => waitingFor === 'input', 'the first turn');
			expect(await processesWith(id)).not.toEqual([]);
			expect((await app.api('POST', `/api/sessions/${id}/sleep`)).status).toBe(202);
			await app.sessionWhere(id, ({ asleep }) => asleep, 'asleep');
			await until(async () => (await processesWith(id)).length === 0, 'no process of it');
			await app.api('POST', `/api/sessions/${id}/messages`, { message: 'What did you do?' });
			await app.sessionWhere(
				id,
				({ turns, waitingFor }) => turns === 2 && waitingFor === 'input',
				'the second turn'
			);
			const said = (await app.events(id)).filter(({ type }) => type === 'claude.assistant');
			expect(JSON.stringify(said.at(-1))).toContain('So far in this session I');
		});
	});
}

test('asks before changes, and takes the answer', async ({ page }) => {
	const repo = tempFolder('repo');
	makeRepo(repo.path);
	const app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	try {
		const { id } = await app.addRepo(repo.path);
		const session = await app.startSession(id, '[[demo: tools bash="touch allowed.txt"]]', {
			permissionMode: 'ask'
		});
		await page.goto(app.link);
		await page.goto(`${app.origin}/sessions/${session.id}`);
		const status = page.getByTestId('session-status').first();
		await expect(status).toHaveAttribute('data-waiting-for', 'approval');
		await page.reload();
		await page
			.getByRole('button', { name: /^Allow/ })
			.first()
			.click();
		await expect(status).toHaveAttribute('data-waiting-for', 'input');
		const worktree = join(app.workspace, 'worktrees', session.id);
		await until(async () => readdirSync(worktree).includes('allowed.txt'), 'the allowed file');
	} finally {
		await app.remove();
		repo.remove();
	}
});
