/** Rules: shown before they are made, changed and refused, and what they answer over reloads and a new manager. */
import { expect, test, type Page } from '@playwright/test';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { axeFindings } from '../support/axe.ts';
import { atRest } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const asked = (page: Page) => page.locator('[data-testid=pending-request]');
const start = async (prompt: string): Promise<string> =>
	(await app.startSession(repoId, prompt, { permissionMode: 'ask' })).id;
const asks = (id: string) =>
	app.sessionWhere(id, ({ pending }) => pending.length > 0, 'a request for leave');

/** What rules have allowed in the session. */
const byRules = async (id: string): Promise<unknown[]> =>
	(await app.events(id)).flatMap(({ type, payload }) =>
		type === 'request.decided' && payload['byRules'] ? [payload['byRules']] : []
	);
const touches = [{ scope: 'repo', rule: 'Bash(touch:*)' }];

test('a rule for the repo: read and changed first, then it answers elsewhere and after a restart', async ({
	page
}) => {
	const other = await start('[[demo: tools bash="touch other"]]');
	const id = await start(
		'[[demo: tools bash="touch one" bash="touch two && touch three" bash="touch four && mkdir five"]]'
	);
	await Promise.all([asks(other), asks(id)]);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(asked(page)).toContainText('touch one');
	await page.keyboard.press('a');
	const rule = page.getByLabel('Rule');
	await expect(rule).toHaveValue('Bash(touch:*)');
	await expect(asked(page)).toContainText('Allows touch, with any arguments inside the worktree.');
	await rule.fill('Bash(*)');
	await expect(asked(page)).toContainText('This allows every command.');
	await expect(page.getByRole('button', { name: 'For this session' })).toBeDisabled();
	await rule.fill('Bash(mkdir:*)');
	await expect(asked(page)).toContainText('This does not cover what is asked now');
	expect(await axeFindings(page, '[data-testid=pending-request]')).toEqual([]);
	await page.reload();

	await expect(rule, 'what was begun is open again').toHaveValue('Bash(mkdir:*)');
	await rule.fill('Bash(touch:*)');
	await page.getByRole('button', { name: 'For all of this repo' }).click();
	await app.sessionWhere(other, atRest, 'the end of the turn that a rule allowed');
	expect(await byRules(other)).toEqual([touches]);
	await expect(asked(page)).toContainText('touch four && mkdir five');
	await expect(page.getByText('by rule')).toHaveCount(1);
	expect(await byRules(id)).toEqual([touches]);

	await app.stop();
	await app.start();
	await app.api('POST', `/api/sessions/${other}/messages`, {
		message: '[[demo: tools bash="touch again"]]'
	});
	await expect.poll(async () => (await byRules(other)).length).toBe(2);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(asked(page)).toContainText('touch four && mkdir five');
	await page.keyboard.press('y');
	await app.sessionWhere(id, atRest, 'the end of the turn');
});

test('the repo page lists its rules: changed, refused with a reason, removed and put back', async ({
	page
}) => {
	await page.goto(app.link);
	await page.goto(`${app.origin}/repos/${repoId}`);
	const rules = page.getByRole('region', { name: 'Allowed without asking' });
	await rules.getByRole('button', { name: 'Add a rule' }).click();
	await rules.getByLabel('Rule').fill('npm test');
	await expect(rules).toContainText('It begins with a tool');
	await rules.getByLabel('Rule').fill('Write(docs/)');
	await rules.getByRole('button', { name: 'Add', exact: true }).click();
	await expect(rules.getByText('Edit(docs/**)', { exact: true })).toBeVisible();

	await rules.getByRole('button', { name: 'Change Edit(docs/**)' }).click();
	await rules.getByLabel('Rule').fill('Edit(src/**)');
	await rules.getByRole('button', { name: 'Save' }).click();
	await expect(rules.getByText('Edit(src/**)', { exact: true })).toBeVisible();
	await expect(rules.getByText('Edit(docs/**)', { exact: true })).toHaveCount(0);
	expect(await axeFindings(page, '#rules')).toEqual([]);

	await rules.getByRole('button', { name: 'Remove Edit(src/**)' }).click();
	await expect(rules.getByText('Edit(src/**)', { exact: true })).toHaveCount(0);
	await page.getByRole('button', { name: 'Undo' }).click();
	await expect(rules.getByText('Edit(src/**)', { exact: true })).toBeVisible();
	await page.reload();
	await expect(rules.getByText('Edit(src/**)', { exact: true })).toBeVisible();
});

test('the home page answers what waits in all sessions, by the same keys and cards', async ({
	page
}) => {
	const one = await start('[[demo: tools bash="mkdir first"]]');
	await asks(one);
	const two = await start('[[demo: tools bash="mkdir second"]]');
	await asks(two);
	await page.goto(app.link);
	await page.goto(app.origin);
	await expect(asked(page)).toHaveCount(2);
	await expect(asked(page).first()).toContainText('mkdir first');
	await expect(page).toHaveTitle(/^\(\d+\)/);
	await expect(page.locator('link[rel=icon]')).toHaveAttribute('href', /^data:/);
	expect(await axeFindings(page, 'main')).toEqual([]);
	await page.keyboard.press('y');
	await expect(asked(page)).toHaveCount(1);
	await app.sessionWhere(one, atRest, 'the end of the turn that was allowed');
	await page.reload();
	await expect(asked(page)).toContainText('mkdir second');
	await asked(page).getByRole('button', { name: 'Deny…' }).click();
	await page.getByLabel('Why not, or what instead? (optional)').fill('Not now.');
	await page.keyboard.press('Enter');
	await expect(asked(page)).toHaveCount(0);
	await app.sessionWhere(two, atRest, 'the end of the turn that was denied');
	const decisions = async (id: string) =>
		(await app.events(id)).flatMap(({ type, payload }) =>
			type === 'request.decided' ? [payload['decision']] : []
		);
	expect([await decisions(one), await decisions(two)]).toEqual([['allow'], ['deny']]);
});
