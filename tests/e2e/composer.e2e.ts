/** What a person says while the agent works: queued, steered, interrupted; over a reload and a killed manager. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { axeFindings } from '../support/axe.ts';
import { atRest } from '../support/lifecycle.ts';
import {
	fates,
	killAndReload,
	letGo,
	messageBox as box,
	openAtWork,
	queueIn as queue
} from '../support/session-at-work.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const answers = (name: string): string => `[[demo: text text="${name}"]]`;
test('steered into the turn, queued for after it and moved, over a reload and a killed manager', async ({
	page
}) => {
	const id = await openAtWork(page, app, repoId);
	const say = async (name: string, keys: string): Promise<void> => {
		await box(page).fill(answers(name));
		await page.keyboard.press(keys);
		await expect(queue(page)).toContainText(name);
	};
	await say('one', 'Enter');
	await say('steered', 'Control+Enter');
	await say('two', 'Enter');
	await page.reload();
	await expect(queue(page).getByRole('listitem')).toHaveCount(3);
	await expect(queue(page)).toContainText('steers at the next step');
	expect(await axeFindings(page, '[data-testid=queued-messages]')).toEqual([]);

	await queue(page)
		.getByRole('button', { name: /^Move queued message/ })
		.last()
		.focus();
	await page.keyboard.press('ArrowUp');
	await expect(queue(page).getByRole('status')).toHaveText('Moved to place 1 of 2');
	await app.kill();
	await app.start();
	await expect(queue(page).getByRole('listitem')).toContainText(['two', 'one', 'steered']);
	letGo(app, id);
	await app.sessionWhere(id, (now) => atRest(now) && now.queued.length === 0, 'all said');
	expect(await fates(app, id)).toEqual([
		'turn_started first',
		'message_steered steered',
		'turn_ended first',
		...['turn_started two', 'turn_ended two', 'turn_started one', 'turn_ended one']
	]);
	await expect(page.getByRole('log')).toContainText('Steered into the turn');
	await expect(queue(page)).toHaveCount(0);
});

test('interrupted, over a killed manager and a reload: what was said before begins the next turns', async ({
	page
}) => {
	const id = await openAtWork(page, app, repoId);
	await box(page).fill(answers('queued'));
	await page.keyboard.press('Enter');
	await expect(queue(page)).toContainText('queued');
	await box(page).fill(answers('too late'));
	await page.getByRole('button', { name: 'Steer' }).click();
	await expect(queue(page)).toContainText('steers at the next step');
	await killAndReload(page, app);
	await expect(queue(page).getByRole('listitem')).toHaveCount(2);
	await page.getByRole('button', { name: 'Interrupt' }).click();
	await expect(page.getByRole('log')).toContainText('it began a new one');
	await page.reload();
	await expect(page.getByRole('log')).toContainText('Interrupted');
	await app.sessionWhere(id, (now) => atRest(now) && now.queued.length === 0, 'rest');
	expect(await fates(app, id)).toEqual([
		...['turn_started first', 'turn_ended first'],
		...['turn_started too late', 'turn_ended too late', 'turn_started queued', 'turn_ended queued']
	]);
	await expect(queue(page)).toHaveCount(0);
});

/** A PNG of 40 by 30 pixels. */
const PICTURE = Buffer.from(
	'iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAK0lEQVR42u3NMQ0AAAgDsHnCE2oRhQw4mvRvqudExGKxWCwWi8VisVj8N15hNonLk5mDqQAAAABJRU5ErkJggg==',
	'base64'
);

test('files go along: looked at before they are sent, kept over a reload, shown again after a killed manager', async ({
	page
}) => {
	const { id } = await app.startSession(repoId, answers('first'));
	await app.sessionWhere(id, atRest, 'rest');
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	const files = page.getByRole('list', { name: 'Attachments' });
	const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'image/png', buffer });
	await page
		.locator('input[type=file]')
		.setInputFiles([
			file('dot \u202egnp.png', PICTURE),
			file('log.txt', Buffer.from('a line of the log\n')),
			file('broken.png', PICTURE.subarray(0, -4)),
			file('nothing.png', Buffer.alloc(0)),
			file('program.exe', Buffer.from([0x4d, 0x5a, 0, 0xff]))
		]);
	await expect(files.getByRole('listitem')).toHaveCount(2);
	await expect(page.getByRole('alert')).toContainText('broken.png is damaged or cut off.');
	await expect(page.getByRole('alert')).toContainText('nothing.png is empty.');
	await expect(page.getByRole('alert')).toContainText('program.exe is neither an image');
	await box(page).evaluate((field) => {
		const clipboardData = new DataTransfer();
		clipboardData.setData('text/plain', 'pasted\n'.repeat(3_000));
		field.dispatchEvent(
			new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
		);
	});
	await expect(files).toContainText('3000 lines');
	await box(page).fill('Look at these');
	await page.reload();
	await expect(files.getByRole('listitem')).toHaveCount(3);
	await expect(box(page)).toHaveValue('Look at these');
	expect(await axeFindings(page, 'form')).toEqual([]);
	await page.getByRole('button', { name: 'Remove log.txt' }).click();
	await page.keyboard.press('Control+End');
	await box(page).press('Enter');
	await app.sessionWhere(id, (now) => atRest(now) && now.turns === 2, 'the answer');
	await app.kill();
	await app.start();
	await page.reload();
	const image = page.getByRole('log').getByRole('img');
	await expect(image).toHaveJSProperty('naturalWidth', 40);
	await expect(page.getByRole('log')).toContainText('pasted text.txt');

	const path = (await image.getAttribute('src')) ?? '';
	const served = await page.request.get(app.origin + path);
	expect(served.headers()).toMatchObject({
		'content-type': 'image/png',
		'x-content-type-options': 'nosniff',
		'cache-control': 'private, max-age=31536000, immutable'
	});
	expect((await served.body()).equals(PICTURE)).toBe(true);
	const other = await app.startSession(repoId, answers('other'));
	expect((await app.api('GET', path.replace(id, other.id))).status).toBe(404);
	const attached = { message: '', attachments: [path.split('/').at(-1)] };
	const stolen = await app.api('POST', `/api/sessions/${other.id}/messages`, attached);
	expect(stolen.status).toBe(404);
	const log = JSON.stringify(await app.events(id));
	expect(log).not.toContain(PICTURE.toString('base64').slice(0, 60));
});

test('files go along with the first message, too, and wait for it over a reload', async ({
	page
}) => {
	await page.goto(app.link);
	await page.goto(`${app.origin}/repos/${repoId}?new`);
	const prompt = page.getByLabel('What should the agent do?');
	const files = page.getByRole('list', { name: 'Attachments' });
	await page
		.locator('input[type=file]')
		.setInputFiles([{ name: 'dot.png', mimeType: 'image/png', buffer: PICTURE }]);
	await expect(files.getByRole('img')).toHaveJSProperty('naturalWidth', 40);
	await prompt.evaluate((field) => {
		const clipboardData = new DataTransfer();
		clipboardData.setData('text/plain', 'pasted\n'.repeat(3_000));
		field.dispatchEvent(
			new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
		);
	});
	await expect(files).toContainText('3000 lines');
	await prompt.fill(answers('seen'));
	await page.reload();
	await expect(files.getByRole('listitem')).toHaveCount(2);
	expect(await axeFindings(page, 'form')).toEqual([]);
	await page.getByRole('button', { name: 'Start session' }).click();
	await page.waitForURL(/\/sessions\//);
	const id = new URL(page.url()).pathname.split('/')[2] ?? '';
	await app.sessionWhere(id, atRest, 'rest');
	const log = page.getByRole('log');
	await expect(log.getByRole('img')).toHaveJSProperty('naturalWidth', 40);
	await expect(log).toContainText('pasted text.txt');
	await page.goto(`${app.origin}/repos/${repoId}?new`);
	await expect(prompt).toHaveValue('');
	await expect(files).toHaveCount(0);
});

test('files are named after an @, prompts kept and said again, the context shown', async ({
	page
}) => {
	const { id } = await app.startSession(repoId, answers('first'));
	await app.sessionWhere(id, atRest, 'rest');
	writeFileSync(join(app.workspace, 'worktrees', id, 'brand new.md'), 'new');
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(page.getByText(/^Context: \S+ of \S+ tokens/)).toBeAttached();

	await box(page).pressSequentially('Read @atx');
	await expect(page.getByRole('option', { name: 'a.txt' })).toBeVisible();
	expect(await axeFindings(page, '[role=listbox]')).toEqual([]);
	await page.keyboard.press('Enter');
	await box(page).pressSequentially('and @brand');
	await expect(page.getByRole('option', { name: 'brand new.md' })).toBeVisible();
	await page.keyboard.press('Enter');
	await expect(box(page)).toHaveValue('Read @a.txt and @"brand new.md" ');

	await page.getByRole('button', { name: 'Saved prompts' }).click();
	const dialog = page.getByRole('dialog', { name: 'Saved prompts' });
	await dialog.getByRole('button', { name: 'Save what is written' }).click();
	await dialog.getByLabel('Name').fill('read both');
	await dialog.getByRole('button', { name: 'Save', exact: true }).click();
	await expect(dialog.getByRole('list')).toContainText('read both');
	expect(await axeFindings(page, '[role=dialog]')).toEqual([]);
	await page.keyboard.press('Escape');
	await box(page).fill('');
	await page.reload();
	await box(page).pressSequentially('/read');
	await page.getByRole('option', { name: 'read both' }).click();
	await expect(box(page)).toHaveValue('Read @a.txt and @"brand new.md" ');
	await page.getByRole('button', { name: 'Saved prompts' }).click();
	await dialog.getByRole('button', { name: 'Edit read both' }).click();
	await dialog.getByLabel('Text').fill('Read them');
	await dialog.getByRole('button', { name: 'Save', exact: true }).click();
	await expect(dialog.getByRole('list')).toContainText('Read them');
	await dialog.getByRole('button', { name: 'Delete read both' }).click();
	await expect(dialog).toContainText('Keep words that you say often.');
});
