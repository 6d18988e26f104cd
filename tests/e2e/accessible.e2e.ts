/** Every page, and what opens over them, as axe sees it, in light and in dark. */
import { expect, test, type Page } from '@playwright/test';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { axeFindings } from '../support/axe.ts';
import { atRest } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const WORK = [
	'[[demo: text text="Some words, and a list:\\n\\n- one\\n- two"]]',
	'[[demo: tools bash="echo out; echo err >&2"]]',
	'[[demo: commit message="Say more"]]'
].join('\n');

/** Who reads with a screen has seen everything move in before they judge its colours. */
const settled = async (page: Page): Promise<void> => {
	await page.waitForFunction(() =>
		document.getAnimations().every((it) => it.effect?.getTiming().iterations === Infinity)
	);
};

for (const colorScheme of ['light', 'dark'] as const) {
	test(`axe finds nothing, in ${colorScheme}`, async ({ page }) => {
		// A dozen pages, each looked at whole.
		test.slow();
		const { id } = await app.startSession(repoId, WORK);
		const asking = await app.startSession(repoId, '[[demo: tools bash="touch asked.txt"]]', {
			permissionMode: 'ask'
		});
		await app.sessionWhere(id, atRest, 'rest');
		await app.sessionWhere(asking.id, ({ waitingFor }) => waitingFor === 'approval', 'a request');
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const found: Record<string, string[]> = {};
		const look = async (what: string, without: string[] = []): Promise<void> => {
			await settled(page);
			found[what] = await axeFindings(page, 'body', without);
		};

		await page.goto(`${app.origin}/sign-in`);
		await expect(page.getByRole('heading').first()).toBeVisible();
		await look('sign in');
		await page.goto(app.link);
		await expect(page.getByRole('main').getByRole('link').first()).toBeVisible();
		await look('home');
		await page.keyboard.press('?');
		await expect(page.getByRole('dialog')).toBeVisible();
		await look('keys');
		await page.keyboard.press('Escape');
		await page.keyboard.press('ControlOrMeta+k');
		await expect(page.getByRole('dialog')).toBeVisible();
		// Its input has the focus, and its arrow keys scroll the list.
		await look('palette', ['scrollable-region-focusable']);

		await page.goto(`${app.origin}/repos/${repoId}`);
		await expect(page.getByLabel('What should the agent do?')).toBeVisible();
		await look('repo');
		await page.goto(`${app.origin}/sessions/${asking.id}`);
		await expect(page.getByRole('button', { name: /^Allow/ }).first()).toBeVisible();
		await look('a request');
		await page.goto(`${app.origin}/sessions/${id}`);
		await expect(page.getByRole('log')).toContainText('Some words');
		await look('session');
		await page.getByRole('button', { name: 'More actions' }).click();
		// A menu opens over the page, in no landmark of it.
		await look('its menu', ['region']);
		await page.keyboard.press('Escape');
		await page.getByRole('button', { name: 'Changes', exact: true }).click();
		await expect(page.getByTestId('changes-total')).toBeVisible();
		await look('changes');

		await page.goto(`${app.origin}/usage`);
		await expect(page.getByRole('table', { name: 'Tokens by day' })).toBeAttached();
		await look('usage');
		await page.goto(`${app.origin}/health`);
		await expect(page.getByRole('heading', { name: 'Health' })).toBeVisible();
		await look('health');
		await page.goto(`${app.origin}/sessions/00000000-0000-4000-8000-000000000000`);
		await expect(page.getByText('Session not found').first()).toBeVisible();
		await look('not found');
		await page.setViewportSize({ width: 390, height: 844 });
		await page.goto(`${app.origin}/sessions/${id}`);
		await expect(page.getByRole('log')).toContainText('Some words');
		await look('session on a phone');

		expect(Object.fromEntries(Object.entries(found).filter(([, it]) => it.length > 0))).toEqual({});
		for (const session of [id, asking.id]) await app.api('POST', `/api/sessions/${session}/purge`);
	});
}
