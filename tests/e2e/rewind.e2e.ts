/** Back to before a prompt, with the files, over a killed manager, and all of that undone: with the real agent. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { axeFindings } from '../support/axe.ts';
import { gitIn } from '../support/git-fixture.ts';
import { atRest, violations } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const worktree = (id: string): string => join(app.workspace, 'worktrees', id);
const file = (id: string, name: string): string | null => {
	const path = join(worktree(id), name);
	return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
};
/** The newest of the agent's conversations. */
const conversations = (id: string): string[] => {
	const folder = join(app.workspace, 'sessions', id, 'claude', 'projects');
	return readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.jsonl'))
		.map((name) => readFileSync(join(folder, name), 'utf8'));
};
const say = (id: string, message: string) =>
	app.api('POST', `/api/sessions/${id}/messages`, { message });
const done = ({ gitAction }: Session): boolean => gitAction?.status !== 'running';
const types = (events: SessionEvent[]): string[] => events.map(({ type }) => type);

const SECOND =
	'[[demo: tools bash="echo later > one.txt"]] [[demo: write path=two.txt content=2]] [[demo: commit message="Two"]]';

test('a rewind with files, over a killed manager, its undo, and a turn after it', async ({
	page
}) => {
	const { id } = await app.startSession(repoId, '[[demo: write path=one.txt content=first]]');
	await app.sessionWhere(id, (now) => atRest(now) && now.turns === 1, 'the first turn');
	await say(id, SECOND);
	const before = await app.sessionWhere(
		id,
		(now) => atRest(now) && now.turns === 2 && now.commitCount === 1,
		'the second turn'
	);
	expect([file(id, 'one.txt'), file(id, 'two.txt')]).toEqual(['later', '2']);

	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	const prompt = page.locator('[data-block=user]').nth(1);
	await prompt.hover();
	await prompt.getByRole('button', { name: 'More of this' }).click();
	await page.getByRole('menuitem', { name: 'Rewind to before this prompt' }).click();
	const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt?' });
	await expect(dialog).toContainText('1 turn');
	expect(await axeFindings(page, '[role=dialog]')).toEqual([]);
	await dialog.getByRole('button', { name: 'Rewind with files' }).click();
	const box = page.getByRole('textbox', { name: 'Message to the agent' });
	await expect(box).toHaveValue(SECOND);
	await app.kill();
	await app.start();
	const rewound = await app.sessionWhere(id, (now) => done(now) && !!now.rewound, 'the rewind');
	expect(rewound).toMatchObject({ asleep: true, commitCount: 0, gitAction: { error: null } });
	expect([file(id, 'one.txt'), file(id, 'two.txt')]).toEqual(['first', null]);
	expect(gitIn(worktree(id), 'log', '--format=%s')).toBe('Begin');

	// What was set aside is there to be read, the prompt to be sent again: also after a reload.
	await page.reload();
	await expect(box).toHaveValue(SECOND);
	const aside = page.locator('[data-block=set_aside]').getByRole('button');
	await expect(aside).toContainText('1 prompt set aside');
	await expect(page.locator('[data-block=user]')).toHaveCount(1);
	await aside.click();
	await expect(page.locator('[data-aside][data-block=user]')).toContainText('path=two.txt');
	expect(await axeFindings(page, '[data-transcript-hash]')).toEqual([]);

	await page.getByRole('button', { name: 'Undo' }).click();
	await expect(aside).toHaveCount(0);
	const undone = await app.sessionWhere(
		id,
		(now) => done(now) && now.commitCount === 1,
		'the undo'
	);
	expect(undone).toMatchObject({ headCommit: before.headCommit, setAside: [], rewound: null });
	expect([file(id, 'one.txt'), file(id, 'two.txt')]).toEqual(['later', '2']);

	// Once for one key, and refused while a turn runs.
	const events = await app.events(id);
	const [, begun] = events.filter(({ type }) => type === 'runner.turn_started');
	const body = { atSeq: begun?.seq ?? 0, files: 'restore' };
	const key = { 'idempotency-key': crypto.randomUUID() };
	const path = `/api/sessions/${id}/rewind`;
	const answers = [await app.api('POST', path, body, key), await app.api('POST', path, body, key)];
	expect(answers.map(({ status }) => status)).toEqual([202, 202]);
	expect(answers[0]).toEqual(answers[1]);
	await app.sessionWhere(id, (now) => done(now) && !!now.rewound, 'the second rewind');
	await say(id, '[[demo: tools bash="ls; cat one.txt; until test -e go; do sleep 0.1; done"]]');
	await app.sessionWhere(id, ({ status, turns }) => status === 'running' && turns === 3, 'a turn');
	expect(await app.api('POST', path, { ...body, atSeq: 1 })).toMatchObject({ status: 404 });
	const again = events.find(({ type }) => type === 'runner.turn_started')?.seq;
	expect(await app.api('POST', path, { atSeq: again, files: 'keep' })).toMatchObject({
		status: 409,
		body: { error: { code: 'session_busy' } }
	});
	await app.api('POST', `/api/sessions/${id}/interrupt`);
	await app.sessionWhere(id, (now) => atRest(now) && now.turns === 3, 'the end of the turn');

	const all = await app.events(id);
	expect(types(all).filter((type) => type === 'session.rewound')).toHaveLength(2);
	expect(types(all)).not.toContain('conversation.lost');
	expect(all.some(({ payload }) => payload.contextLost === true)).toBe(false);
	expect(violations(all)).toEqual([]);
	// The agent knows of the first turn and of the third; what it said in the second is kept elsewhere.
	const newest = conversations(id).filter((text) => text.includes('until test -e go'));
	expect(
		newest.map((text) => [text.includes('path=one.txt'), text.includes('path=two.txt')])
	).toEqual([[true, false]]);
	expect(conversations(id).some((text) => text.includes('path=two.txt'))).toBe(true);
});
