/** The usage page, from what a real session used, and the download of its log, in a real browser. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import type { SessionEvent } from '../../packages/protocol/src/events.ts';
import type { Usage } from '../../packages/protocol/src/usage.ts';
import { until, type TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { atRest } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const usage = async (query: string): Promise<Usage> =>
	(await app.api('GET', `/api/usage?${query}`)).body as Usage;

test('what sessions used, by day, repo, model and session; and a log as a file', async ({
	page
}) => {
	await page.goto(app.link);
	await expect(page.getByRole('link', { name: 'Usage', exact: true })).toBeVisible();
	await page.keyboard.press('g');
	await page.keyboard.press('u');
	await expect(page.getByText('Nothing was used in the last 7 days.')).toBeVisible();

	const session = await app.startSession(repoId, 'Count me\n\n[[demo: text text="counted"]]');
	await app.sessionWhere(session.id, atRest, 'rest');
	const used = await until(async () => {
		const { total } = await usage('days=1');
		return total.calls > 0 ? total : null;
	}, 'a counted call');
	expect(used.outputTokens).toBeGreaterThan(0);
	expect(used.costUsd, 'the demo model costs nothing').toBe(0);

	await page.reload();
	await expect(page.getByRole('table', { name: 'Tokens by day' })).toBeAttached();
	const models = page.getByRole('region', { name: 'Models' });
	await expect(models).toContainText('agent-manager-demo');
	await page.getByRole('button', { name: 'Today' }).click();
	await expect(page).toHaveURL(/days=1/);
	await page.getByRole('region', { name: 'Sessions' }).getByRole('link').click();
	await expect(page.getByRole('heading', { name: 'Count me' })).toBeVisible();

	await page.getByRole('button', { name: 'More actions' }).click();
	const downloaded = page.waitForEvent('download');
	await page.getByRole('menuitem', { name: 'Download the log' }).click();
	const download = await downloaded;
	expect(download.suggestedFilename()).toBe(`session-${session.id}.ndjson`);
	const lines = readFileSync(await download.path(), 'utf8')
		.trimEnd()
		.split('\n');
	const events = lines.map((line) => JSON.parse(line) as SessionEvent);
	expect(events).toEqual((await app.events(session.id)).slice(0, events.length));
	expect(events.map(({ type }) => type)).toContain('claude.result.success');
});

test('refuses what is no span and no time zone', async () => {
	for (const query of ['days=0', 'days=367', 'days=x', 'timeZone=Nowhere/At_all', 'more=1']) {
		const { status, body } = await app.api('GET', `/api/usage?${query}`);
		expect(status, query).toBe(400);
		expect(body.error.code).toBe('bad_request');
	}
	expect((await usage('days=366&timeZone=Pacific/Apia')).days).toHaveLength(366);
	const { status } = await app.api(
		'GET',
		'/api/sessions/00000000-0000-4000-8000-000000000000/events.ndjson'
	);
	expect(status).toBe(404);
});
