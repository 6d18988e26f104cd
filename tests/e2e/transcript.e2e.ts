/** Finding one's way in a long transcript, and forking from a turn: in a real browser, with the real agent. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { axeFindings } from '../support/axe.ts';
import { atRest, ended, eventsAtRest, violations } from '../support/lifecycle.ts';
import { storeLongSession } from '../support/long-session.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const target = (page: Page) => page.locator('[data-target]');
/** It is where it was led, and stays there: the distance to the top of the list in pixels, twice. */
const place = (page: Page): Promise<number> =>
	target(page).evaluate(
		(row) =>
			row.getBoundingClientRect().top -
			(row.closest('[role=log]')?.getBoundingClientRect().top ?? 0)
	);

test('a long session is searched whole, opened at a link, and read on from there', async ({
	page
}) => {
	const { id, events } = await storeLongSession(app.workspace, repoId, 5_000);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(page.getByRole('log')).toContainText('Stopped');

	await page.keyboard.press('Control+f');
	const box = page.getByRole('textbox', { name: 'Find in the session' });
	await box.fill('token_7 src');
	await expect(page.getByRole('status').filter({ hasText: '4' }).first()).toBeVisible();
	await box.press('Enter');
	await expect(target(page)).toContainText('token_7');
	expect(await axeFindings(page, '[data-transcript-hash]')).toEqual([]);
	await box.press('Escape');
	await expect(target(page)).toHaveCount(0);

	// From there one goes to what is near: the next prompt, the next error.
	await page.keyboard.press('Shift+P');
	await expect(target(page)).toContainText('Step 8:');
	await page.keyboard.press('Shift+E');
	await expect(target(page)).toContainText('Exit code 1');

	const prompt = events.find(({ payload }) => String(payload.text).startsWith('Step 200:'));
	await page.goto(`${app.origin}/sessions/${id}?at=${prompt?.seq}`);
	await expect(target(page)).toContainText('Step 200:');
	await page.waitForLoadState('networkidle');
	const before = await place(page);
	expect(before).toBeGreaterThanOrEqual(0);
	expect(before).toBeLessThan(200);
	await page.reload();
	await expect(target(page)).toContainText('Step 200:');
	await page.waitForLoadState('networkidle');
	expect(Math.abs((await place(page)) - before)).toBeLessThan(2);

	await page.getByRole('button', { name: 'Latest' }).click();
	await expect(page.getByRole('log')).toContainText('Stopped');
});

test('the events of a block, as the log has them', async ({ page }) => {
	const { id } = await storeLongSession(app.workspace, repoId, 100);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	const row = page.locator('[data-block=tool]').last();
	await row.hover();
	await row.getByRole('button', { name: 'More of this' }).click();
	await page.getByRole('menuitem', { name: 'Raw JSON' }).click();
	const dialog = page.getByRole('dialog', { name: 'Raw JSON' });
	await expect(dialog).toContainText('claude.assistant');
	await expect(dialog).toContainText('claude.user');
	expect(await axeFindings(page, '[role=dialog]')).toEqual([]);
	// A page for who works on the cards; the built app has none such.
	expect((await page.goto(`${app.origin}/dev/gallery`))?.status()).toBe(404);
});

/** What the session's agent has written down of its conversations. */
const conversations = (id: string): string[] => {
	const folder = join(app.workspace, 'sessions', id, 'claude', 'projects');
	return readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.jsonl'))
		.map((name) => readFileSync(join(folder, name), 'utf8'));
};
const turnEnds = (events: SessionEvent[]): SessionEvent[] =>
	events.filter(({ type }) => type === 'runner.turn_ended');

test('a fork goes on from its turn: commits, files, conversation, one for one key, over a killed manager', async ({
	page
}) => {
	const source = await app.startSession(
		repoId,
		'[[demo: write path=one.txt content=1]] [[demo: commit message="One"]] [[demo: write path=loose.txt content=kept]]'
	);
	await app.sessionWhere(source.id, (now) => atRest(now) && now.turns === 1, 'the first turn');
	await eventsAtRest(app, source.id);
	await app.api('POST', `/api/sessions/${source.id}/messages`, {
		message:
			'[[demo: write path=loose.txt content=lost]] [[demo: write path=two.txt content=2]] [[demo: commit message="Two"]]'
	});
	await app.sessionWhere(source.id, (now) => atRest(now) && now.turns === 2, 'the second turn');

	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${source.id}`);
	const ask = async (): Promise<void> => {
		const turn = page.locator('[data-block=turn]').first();
		await turn.hover();
		await turn.getByRole('button', { name: 'More of this' }).click();
		await page.getByRole('menuitem', { name: 'Fork from here' }).click();
	};
	const prompt = '[[demo: tools bash="ls; cat loose.txt; git status --short; git log --oneline"]]';
	await ask();
	await page.getByLabel('What shall it do?').fill(prompt);
	await page.reload();
	await ask();
	await expect(page.getByLabel('What shall it do?')).toHaveValue(prompt);
	expect(await axeFindings(page, '[role=dialog]')).toEqual([]);
	await page.getByRole('button', { name: 'Fork', exact: true }).click();
	await page.waitForURL((url) => !url.pathname.endsWith(source.id));
	const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
	await app.kill();
	await app.start();
	const forked = await app.sessionWhere(id, (now) => atRest(now) && now.turns === 1, 'its turn');
	const events = await app.events(id);
	const output = JSON.stringify(events.filter(({ type }) => type === 'claude.user'));
	expect(output).toContain('one.txt');
	expect(output).not.toContain('two.txt');
	expect(output).toContain('One');
	expect(output, 'the file of that turn, as uncommitted as it was').toContain('kept');
	expect(output).toContain('?? loose.txt');
	expect(forked.branchName).not.toBe(source.branchName);
	expect(events.map(({ type }) => type)).not.toContain('conversation.lost');
	expect(violations(events)).toEqual([]);

	expect(conversations(id).some((text) => /git log/.test(text) && /path=one/.test(text))).toBe(
		true
	);
	expect(conversations(id).some((text) => /git log/.test(text) && /path=two/.test(text))).toBe(
		false
	);
	const [first] = turnEnds(await app.events(source.id));
	const body = { atSeq: first?.seq ?? 0, message: '[[demo: text text=again]]' };
	const key = { 'idempotency-key': crypto.randomUUID() };
	const path = `/api/sessions/${source.id}/fork`;
	const answers = [await app.api('POST', path, body, key), await app.api('POST', path, body, key)];
	expect(answers[0]).toEqual(answers[1]);
	expect(answers[0]?.status).toBe(201);

	// Without the agent's record of it, both say that the context was lost: a fork, and the session itself.
	await app.sessionWhere(answers[0]?.body.session.id as string, atRest, 'the second fork');
	await app.api('POST', `/api/sessions/${source.id}/stop`);
	await app.sessionWhere(source.id, ended, 'the stop');
	const kept = join(app.workspace, 'sessions', source.id, 'claude', 'projects');
	rmSync(kept, { recursive: true });
	const late = await app.api('POST', path, { ...body, message: '[[demo: text text=anew]]' });
	await app.api('POST', `/api/sessions/${source.id}/resume`);
	for (const lost of [late.body.session.id as string, source.id]) {
		await app.sessionWhere(lost, atRest, 'rest without a context');
		await page.goto(`${app.origin}/sessions/${lost}`);
		await expect(page.getByRole('log')).toContainText('Context was lost');
	}
});
