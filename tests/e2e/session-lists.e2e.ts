/** What a person does with many sessions on the repo's page, and with messages that wait, in a real browser. */
import { expect, test, type Page } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { atRest, ended } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const stopped = async (title: string): Promise<Session> => {
	const session = await app.startSession(repoId, `${title}\n\n[[demo: text text="${title}"]]`);
	await app.api('POST', `/api/sessions/${session.id}/stop`);
	return app.sessionWhere(session.id, ended, 'stopped');
};
const open = async (page: Page, path: string): Promise<void> => {
	await page.goto(app.link);
	await page.goto(app.origin + path);
};
const box = (page: Page, title: string) => page.getByRole('checkbox', { name: `Select ${title}` });
const bar = (page: Page) => page.getByRole('toolbar', { name: 'Chosen sessions' });

test('many at once: chosen by range and by key, archived, taken back, purged, taken back', async ({
	page
}) => {
	for (const title of ['Alpha', 'Beta', 'Gamma']) await stopped(title);
	const live = await app.startSession(repoId, 'Live\n\n[[demo: text text="live"]]');
	await app.sessionWhere(live.id, atRest, 'rest');
	await open(page, `/repos/${repoId}`);

	await box(page, 'Gamma').click();
	await box(page, 'Alpha').click({ modifiers: ['Shift'] });
	await expect(bar(page)).toContainText('3 selected');
	await bar(page).getByRole('button', { name: 'Select all 4' }).click();
	await expect(bar(page)).toContainText('4 selected');
	await bar(page).getByRole('button', { name: 'Archive' }).click();
	await expect(page.getByText('Archived: 3 sessions')).toBeVisible();
	await expect(box(page, 'Alpha')).toBeHidden();
	await expect(box(page, 'Live'), 'a live one stays').toBeVisible();
	const section = page.getByRole('button', { name: 'Archived 3 sessions' });
	await section.click();
	await expect(box(page, 'Beta')).toBeVisible();
	await page.reload();
	await section.click();
	await expect(box(page, 'Beta')).toBeVisible();
	await box(page, 'Beta').click();
	await bar(page).getByRole('button', { name: 'Unarchive' }).click();
	await expect(page.getByRole('button', { name: 'Archived 2 sessions' })).toBeVisible();
	await page.getByRole('button', { name: 'Undo' }).click();
	await expect(section).toBeVisible();

	await page.locator('body').press('j');
	await page.keyboard.press('x');
	await expect(bar(page)).toContainText('1 selected');
	await page.keyboard.press('Escape');
	await expect(bar(page)).toBeHidden();

	await box(page, 'Beta').click();
	await bar(page).getByRole('button', { name: 'Purge' }).click();
	await page.getByRole('button', { name: 'Undo' }).last().click();
	await expect(box(page, 'Beta')).toBeEnabled();
	await box(page, 'Beta').click();
	await bar(page).getByRole('button', { name: 'Purge' }).click();
	await expect(box(page, 'Beta')).toBeHidden({ timeout: 30_000 });
	await expect(page.getByRole('button', { name: 'Archived 2 sessions' })).toBeVisible();
});

test('a title is changed in its place, and a message that waits in its own', async ({ page }) => {
	const session = await app.startSession(repoId, 'Long\n\n[[demo: text chunks=1500 interval=40]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	await open(page, `/sessions/${session.id}`);
	await page.getByRole('button', { name: 'Long' }).click();
	await page.getByLabel('Title of the session').fill('Renamed here');
	await page.keyboard.press('Enter');
	await expect(page.getByRole('heading', { name: 'Renamed here' })).toBeVisible();
	await page.getByRole('button', { name: 'Renamed here' }).click();
	await page.getByLabel('Title of the session').fill('Never');
	await page.keyboard.press('Escape');
	await expect(page.getByRole('heading', { name: 'Renamed here' })).toBeVisible();

	const composer = page.getByRole('textbox', { name: 'Message to the agent' });
	for (const text of ['one', 'two']) {
		await composer.fill(text);
		await composer.press('Enter');
	}
	const chips = page.getByTestId('queued-messages');
	await expect(chips.getByRole('listitem')).toHaveText(['one', 'two']);
	await page.reload();
	await expect(chips.getByRole('listitem')).toHaveText(['one', 'two']);
	await chips.getByRole('button', { name: 'Edit queued message' }).first().click();
	await page.getByRole('textbox', { name: 'Queued message' }).fill('[[demo: text text="uno"]]');
	await page.keyboard.press('Enter');
	await expect(chips.getByRole('listitem').first()).toContainText('uno');
	await chips.getByRole('button', { name: 'Remove queued message' }).last().click();
	await expect(chips.getByRole('listitem')).toHaveCount(1);
	await app.api('POST', `/api/sessions/${session.id}/interrupt`);
	await expect(chips).toBeHidden();
	await expect(page.getByRole('main').getByText('uno', { exact: true })).toBeVisible();
});
