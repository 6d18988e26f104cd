/** From the repository's files to an app that runs, and from that one to the next while agents work. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, type Page } from '@playwright/test';
import { TestApp } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { initPid, makeRepo, violations } from '../support/lifecycle.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const BUILD_MS = 300_000;
const run = promisify(execFile);

const cloneOfSources = async (folder: string): Promise<string> => {
	const clone = join(folder, 'clone');
	await run('git', ['clone', '--quiet', '--local', ROOT, clone]);
	// As `npm install` leaves them; downloading them again would test the registry.
	await run('cp', ['-al', join(ROOT, 'node_modules'), join(clone, 'node_modules')]).catch(() =>
		cpSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'), {
			recursive: true,
			verbatimSymlinks: true
		})
	);
	return clone;
};

/** A script that pages load late, as it reads in the version that is built first and in the next. */
const PANEL = 'src/lib/components/diff/changes-head.svelte';
const LABEL = { before: 'Close the changes', after: 'Close all of the changes' };

const changeSources = (clone: string): void => {
	const path = join(clone, PANEL);
	const text = readFileSync(path, 'utf8');
	expect(text).toContain(`"${LABEL.before}"`);
	writeFileSync(path, text.replaceAll(`"${LABEL.before}"`, `"${LABEL.after}"`));
};

const expectPanel = async (page: Page, label: string): Promise<void> => {
	await page.getByRole('button', { name: 'Changes', exact: true }).click();
	await expect(page.getByRole('button', { name: label, exact: true })).toBeVisible();
};

test('the repository is enough to build and start, and an upgrade interrupts no agent and no page', async ({
	page,
	context
}) => {
	test.skip(!existsSync(join(ROOT, '.git')), 'these sources are no git repository');
	test.setTimeout(3 * BUILD_MS);
	const folder = tempFolder('upgrade');
	const clone = await cloneOfSources(folder.path);
	const repo = tempFolder('repo');
	makeRepo(repo.path);
	const app = new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }, { root: clone });
	app.program = 'scripts/start.mjs';
	try {
		app.launch();
		await app.whenReady(BUILD_MS);
		expect((await run('git', ['-C', clone, 'status', '--porcelain'])).stdout).toBe('');
		const { id: repoId } = await app.addRepo(repo.path);
		const { id } = await app.startSession(repoId, '[[demo: text chunks=2400 interval=250]]');
		await page.goto(app.link);
		const late = await context.newPage();
		for (const it of [page, late]) {
			await it.goto(`${app.origin}/sessions/${id}`);
			await expect(it.getByRole('log')).toContainText('#10');
		}
		const sandbox = initPid(app, id);

		changeSources(clone);
		await run(process.execPath, ['scripts/build.mjs'], { cwd: clone });
		// Neither the page's script nor the route was asked for before.
		await expectPanel(page, LABEL.before);
		expect((await app.api('GET', '/api/usage')).status).toBe(200);

		await app.stop();
		await app.start();
		for (const it of [page, late]) {
			await expect(it.getByTestId('connection-state').first()).toHaveAttribute(
				'data-status',
				'open'
			);
		}
		await expectPanel(late, LABEL.before);
		await late.reload();
		await expectPanel(late, LABEL.after);

		expect(initPid(app, id)).toBe(sandbox);
		expect((await app.api('POST', `/api/sessions/${id}/interrupt`)).status).toBe(202);
		await app.sessionWhere(id, ({ status }) => status === 'waiting', 'the end of the turn');
		const events = await app.events(id);
		expect(violations(events)).toEqual([]);
		expect(events.filter(({ type }) => type === 'sandbox.started')).toHaveLength(1);
		expect(events.filter(({ type }) => type === 'runner.turn_started')).toHaveLength(1);
	} finally {
		await app.remove();
		repo.remove();
		folder.remove();
	}
});
