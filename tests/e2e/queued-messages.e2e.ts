/** Messages that the agent has not got yet: changed and taken back, over a killed manager, with the real agent. */
import { expect, test, type Locator, type Page } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { atRest, ended, violations } from '../support/lifecycle.ts';
import {
	fates,
	killAndReload,
	letGo,
	messageBox,
	openAtWork,
	queueIn,
	WAITS_FOR_GO
} from '../support/session-at-work.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const path = ({ id }: Session, messageId = ''): string =>
	`/api/sessions/${id}/messages${messageId && `/${messageId}`}`;
const answers = (name: string): string => `[[demo: text text="${name}"]]`;
const say = async (session: Session, text: string): Promise<string> =>
	(await app.api('POST', path(session), { message: text })).body.commandId as string;
const edit = (session: Session, id: string, text: string) =>
	app.api('PATCH', path(session, id), { message: text });
const remove = (session: Session, id: string) => app.api('DELETE', path(session, id));

/** What the agent said: the demo model says what it was told to. */
const said = async (session: Session): Promise<string[]> =>
	(await app.events(session.id)).flatMap(({ type, payload }) => {
		const message = payload.message as { content?: unknown } | undefined;
		return type === 'claude.assistant' ? textsIn(message?.content) : [];
	});
const textsIn = (content: unknown): string[] =>
	Array.isArray(content)
		? content.flatMap((block: { type: string; text?: string }) =>
				block.type === 'text' ? [block.text ?? ''] : []
			)
		: [];

test('the agent gets what the messages say by then, in their order, and nothing that was taken back', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=400 interval=20]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	const ids: string[] = [];
	for (const name of ['one', 'two', 'three', 'four']) {
		ids.push(await say(session, answers(name)));
	}
	const [one = '', two = '', three = '', four = ''] = ids;
	expect((await edit(session, two, answers('zwei'))).status).toBe(202);
	expect((await remove(session, three)).status).toBe(202);
	await app.kill();
	await app.start();
	const back = await app.session(session.id);
	expect(back.queued.map(({ commandId }) => commandId)).toEqual([one, two, four]);
	expect((await edit(session, four, answers('vier'))).status).toBe(202);
	expect((await remove(session, three)).body.error.code).toBe('message_not_queued');
	const done = await app.sessionWhere(
		session.id,
		(now) => atRest(now) && now.queued.length === 0,
		'all said'
	);
	expect(done.turns).toBe(4);
	expect((await said(session)).slice(1)).toEqual(['one', 'zwei', 'vier']);
	for (const id of ids) {
		expect((await edit(session, id, 'late')).body.error.code).toBe('message_not_queued');
	}
	expect((await edit(session, 'no-id', 'late')).status).toBe(404);
	expect(violations(await app.events(session.id))).toEqual([]);
});

test('before there is an agent, asleep and stopped: a message can be changed until one takes it', async () => {
	const session = await app.startSession(repoId, answers('first'));
	const first = session.queued[0]?.commandId ?? '';
	expect((await edit(session, first, answers('begin'))).status).toBe(202);
	await app.sessionWhere(session.id, atRest, 'rest');
	expect(await said(session)).toEqual(['begin']);

	await app.api('POST', `/api/sessions/${session.id}/sleep`);
	await app.sessionWhere(session.id, ({ asleep }) => asleep, 'sleep');
	const wakes = await say(session, answers('wake'));
	expect((await edit(session, wakes, answers('awake'))).status).toBe(202);
	await app.sessionWhere(session.id, (now) => atRest(now) && now.turns === 2, 'woken');
	expect(await said(session)).toEqual(['begin', 'awake']);

	await say(session, '[[demo: text chunks=400 interval=20]]');
	await app.sessionWhere(session.id, ({ turns }) => turns === 3, 'the third turn');
	const [kept, gone] = [await say(session, answers('kept')), await say(session, answers('gone'))];
	await app.api('POST', `/api/sessions/${session.id}/stop`);
	await app.sessionWhere(session.id, ended, 'stopped');
	expect((await edit(session, kept, answers('kept on'))).status).toBe(202);
	expect((await remove(session, gone)).status).toBe(202);
	await app.api('POST', `/api/sessions/${session.id}/resume`);
	await app.sessionWhere(session.id, (now) => atRest(now) && now.queued.length === 0, 'resumed');
	expect((await said(session)).at(-1)).toBe('kept on');
	expect(violations(await app.events(session.id))).toEqual([]);
});

test('a finish comes after the messages before it, also when they are changed', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=200 interval=20]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	const [one, two] = [await say(session, answers('one')), await say(session, answers('two'))];
	expect((await app.api('POST', `/api/sessions/${session.id}/finish`)).status).toBe(202);
	expect((await edit(session, one, answers('eins'))).status).toBe(202);
	expect((await remove(session, two)).status).toBe(202);
	const done = await app.sessionWhere(session.id, ended, 'finished');
	expect(done).toMatchObject({ status: 'finished', turns: 2, queued: [] });
	expect((await said(session)).at(-1)).toBe('eins');
});

/** To above the middle of another one. */
const dragAbove = async (page: Page, grip: Locator, other: Locator): Promise<void> => {
	const [from, to] = [await grip.boundingBox(), await other.boundingBox()];
	if (!from || !to) throw new Error('A row is not in view.');
	await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
	await page.mouse.down();
	await page.mouse.move(from.x + from.width / 2, to.y + 2, { steps: 4 });
	await page.mouse.up();
};

test('in the page: changed, dragged, moved by key and removed, over reloads and a killed manager', async ({
	page
}) => {
	const id = await openAtWork(page, app, repoId);
	const rows = queueIn(page).getByRole('listitem');
	const row = (name: string): Locator => rows.filter({ hasText: name });
	const grip = (name: string): Locator => row(name).getByRole('button', { name: /^Move queued/ });
	for (const name of ['one', 'two', 'three', 'four']) {
		await messageBox(page).fill(answers(name));
		await page.keyboard.press('Enter');
		await expect(row(name)).toBeVisible();
	}

	// Begun to be changed, and the page loaded anew before that is saved.
	await row('one').getByRole('button', { name: 'Edit queued message' }).click();
	const field = page.getByRole('textbox', { name: 'Queued message' });
	await field.fill(answers('eins'));
	await page.reload();
	await expect(field).toHaveValue(answers('eins'));
	await queueIn(page).getByRole('button', { name: 'Save' }).click();
	await expect(rows).toContainText(['eins', 'two', 'three', 'four']);

	await dragAbove(page, grip('three'), row('eins'));
	await expect(rows).toContainText(['three', 'eins', 'two', 'four']);
	await grip('two').focus();
	await page.keyboard.press('ArrowUp');
	await expect(rows).toContainText(['three', 'two', 'eins', 'four']);
	await killAndReload(page, app);
	await expect(rows).toContainText(['three', 'two', 'eins', 'four']);
	await row('two').getByRole('button', { name: 'Remove queued message' }).click();
	await expect(rows).toContainText(['three', 'eins', 'four']);
	await page.reload();
	await expect(rows).toHaveCount(3);

	letGo(app, id);
	await app.sessionWhere(id, (now) => atRest(now) && now.queued.length === 0, 'all said');
	expect((await said(await app.session(id))).slice(-3)).toEqual(['three', 'eins', 'four']);
	await expect(queueIn(page)).toHaveCount(0);
});

test('in the page: a message wakes a session, the next steer it and wait for it, over a killed manager', async ({
	page
}) => {
	const session = await app.startSession(repoId, answers('first'));
	await app.sessionWhere(session.id, atRest, 'rest');
	await app.api('POST', `/api/sessions/${session.id}/sleep`);
	await app.sessionWhere(session.id, ({ asleep }) => asleep, 'sleep');
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${session.id}`);
	const write = async (words: string, keys: string): Promise<void> => {
		await messageBox(page).fill(words);
		await page.keyboard.press(keys);
		await expect(messageBox(page)).toHaveValue('');
	};
	await expect(messageBox(page)).toHaveAttribute('placeholder', 'Send a message to wake it');
	await write(WAITS_FOR_GO, 'Enter');
	await write(answers('queued'), 'Enter');
	await killAndReload(page, app);
	await expect(queueIn(page)).toContainText('queued');
	await expect(page.getByRole('log')).toContainText('until test -e go');
	await write(answers('steered'), 'Control+Enter');
	await expect(queueIn(page)).toContainText('steers at the next step');
	await page.reload();
	await expect(queueIn(page).getByRole('listitem')).toHaveCount(2);
	letGo(app, session.id);
	const done = await app.sessionWhere(
		session.id,
		(now) => atRest(now) && now.queued.length === 0 && now.turns === 3,
		'all said'
	);
	expect((await fates(app, done.id)).slice(2)).toEqual([
		...['turn_started first', 'message_steered steered', 'turn_ended first'],
		...['turn_started queued', 'turn_ended queued']
	]);
	expect(violations(await app.events(done.id))).toEqual([]);
});
