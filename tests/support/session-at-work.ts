/** A session whose first tool waits until the test lets it go, so that its turn is open for as long as that takes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import type { TestApp } from './app.ts';

/** As a prompt. */
export const WAITS_FOR_GO =
	'[[demo: tools bash="until test -e go; do sleep 0.1; done" bash="echo second"]]';

export const letGo = (app: TestApp, id: string): void =>
	writeFileSync(join(app.workspace, 'worktrees', id, 'go'), '');

/** Opened in the page, at its tool. */
export const openAtWork = async (page: Page, app: TestApp, repoId: string): Promise<string> => {
	const { id } = await app.startSession(repoId, WAITS_FOR_GO);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(page.getByRole('log')).toContainText('until test -e go');
	return id;
};

export const messageBox = (page: Page) => page.getByLabel('Message to the agent');
export const queueIn = (page: Page) => page.getByTestId('queued-messages');

/** A killed manager, a new one, and the page loaded anew. */
export const killAndReload = async (page: Page, app: TestApp): Promise<void> => {
	await app.kill();
	await app.start();
	await page.reload();
};

/** What became of the messages of a session, in order, by the word that each has the demo model say. */
export const fates = async (app: TestApp, id: string): Promise<string[]> => {
	const said = new Map<string, string>();
	return (await app.events(id)).flatMap(({ type, payload }) => {
		const commandId = String(payload.commandId);
		const words = /text="([^"]+)"/.exec(String(payload.text))?.[1];
		if (type === 'message.accepted' || type === 'message.edited') {
			if (words !== undefined) said.set(commandId, words);
		}
		const counts = /^runner\.(turn_|message_)/.test(type);
		return counts ? [`${type.slice('runner.'.length)} ${said.get(commandId) ?? 'first'}`] : [];
	});
};
