/** What the real agent asks, answered in the real page: a plan, a question, a change, and a finish in mid-turn. */
import { expect, test, type Page } from '@playwright/test';
import { TestApp } from '../support/app.ts';
import { tempFolder, type TempFolder } from '../support/git-fixture.ts';
import { atRest, makeRepo } from '../support/lifecycle.ts';
import { killAndReload } from '../support/session-at-work.ts';

let app: TestApp;
let folder: TempFolder;
let repoId: string;

test.beforeAll(async () => {
	folder = tempFolder('repo');
	makeRepo(folder.path);
	app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	repoId = (await app.addRepo(folder.path)).id;
});
test.afterAll(async () => {
	await app?.remove();
	folder?.remove();
});

/** Opens a session that was just started. */
const open = async (page: Page, prompt: string, permissionMode = 'ask'): Promise<string> => {
	const { id } = await app.startSession(repoId, prompt, { permissionMode });
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	return id;
};
const asked = (page: Page, kind: string) =>
	page.locator(`[data-testid=pending-request][data-kind=${kind}]`);
const status = (page: Page) => page.getByTestId('session-status').first();

test('a plan: sent back with words after a reload, changed over a killed manager, then approved and done', async ({
	page
}) => {
	const id = await open(page, '[[demo: tool name=EnterPlanMode]]', 'full');
	await app.sessionWhere(id, atRest, 'plan mode');
	const say = async (words: string): Promise<void> => {
		await page.getByLabel('Message to the agent').fill(words);
		await page.keyboard.press('Enter');
		await expect(status(page)).toHaveAttribute('data-waiting-for', 'plan');
	};
	await say('Plan how to extend the notes.');
	await expect(asked(page, 'plan')).toContainText('The agent proposes a plan');
	await expect(asked(page, 'plan').getByRole('listitem').first()).toContainText('Start from');
	await asked(page, 'plan').getByRole('button', { name: 'Request changes…' }).click();
	await page.reload();

	await asked(page, 'plan').getByRole('button', { name: 'Request changes…' }).click();
	await page.getByLabel('What should change?').fill('Write the test first.');
	await asked(page, 'plan').getByRole('button', { name: 'Request changes', exact: true }).click();
	await expect(page.getByRole('log')).toContainText('The plan was not approved');
	await expect(page.getByRole('log')).toContainText('Write the test first.');

	await say('Plan it again, please.');
	await asked(page, 'plan').getByRole('button', { name: 'Edit' }).click();
	const plan = asked(page, 'plan').getByLabel('Plan', { exact: true });
	await plan.fill(`${await plan.inputValue()}\n- Say what was left out.`);
	await killAndReload(page, app);
	await expect(plan).toHaveValue(/Say what was left out/);
	await asked(page, 'plan').getByLabel('After the plan').selectOption('Full autonomy');
	await asked(page, 'plan').getByRole('button', { name: 'Approve as changed' }).click();
	await expect(page.getByRole('log')).toContainText('Plan approved as changed');
	const done = await app.sessionWhere(id, atRest, 'the end of the turn');
	expect(done.commitCount).toBe(1);
	const drafts = await page.evaluate(() =>
		Object.keys(localStorage).filter((key) => /^draft:(edit|deny):/.test(key))
	);
	expect(drafts, 'what was written goes with its request').toEqual([]);
	const log = await app.events(id);
	const heard = log.filter(({ type }) => type === 'claude.user').map(({ payload }) => payload);
	expect(JSON.stringify(heard), 'what the agent was told').toContain('Say what was left out.');
	const decisions = log.filter(({ type }) => type === 'request.decided');
	expect(decisions.map(({ payload }) => payload['decision'])).toEqual(['deny', 'allow']);
});

test('a question: answered after a reload and a killed manager, and the agent has the answer', async ({
	page
}) => {
	const id = await open(
		page,
		'[[demo: ask question="Which database?" options="PostgreSQL|SQLite"]]'
	);
	await expect(status(page)).toHaveAttribute('data-waiting-for', 'answer');
	await asked(page, 'question').getByLabel('SQLite').check();
	await page.reload();
	await expect(asked(page, 'question')).toContainText('Which database?');
	await killAndReload(page, app);
	await asked(page, 'question').getByLabel('PostgreSQL').check();
	await asked(page, 'question').getByRole('button', { name: 'Answer', exact: true }).click();
	await expect(asked(page, 'question')).toHaveCount(0);
	await app.sessionWhere(id, atRest, 'the end of the turn');
	await expect(page.getByRole('log')).toContainText('PostgreSQL');
});

test('an approval: changed before it is given, asked twice where it deletes, and told to who is late', async ({
	page,
	context
}) => {
	const id = await open(page, '[[demo: tools bash="echo one > said.txt" bash="rm -rf notes"]]');
	const card = asked(page, 'approval');
	await card.getByRole('button', { name: 'Edit' }).click();
	await card.getByLabel('Command').fill('echo two > said.txt');
	await killAndReload(page, app);
	await expect(card.getByLabel('Command')).toHaveValue('echo two > said.txt');
	await card.getByRole('button', { name: 'Allow as changed' }).click();

	await expect(card).toContainText('rm -rf notes');
	const late = await context.newPage();
	let hears = true;
	await late.routeWebSocket(/\/ws$/, (socket) => {
		const server = socket.connectToServer();
		server.onMessage((message) => {
			// Of its own commands it hears all the same.
			const { kind } = JSON.parse(String(message)) as { kind: string };
			if (hears || kind === 'ack' || kind === 'error') socket.send(message);
		});
	});
	await late.goto(`${app.origin}/sessions/${id}`);
	await expect(asked(late, 'approval')).toContainText('rm -rf notes');
	hears = false;
	await page.keyboard.press('y');
	await expect(card).toContainText('deletes files for good');
	await page.reload();
	await expect(card).toContainText('rm -rf notes');
	expect((await app.session(id)).pending).toHaveLength(1);
	await page.keyboard.press('y');
	await expect(card).toContainText('deletes files for good');
	await page.keyboard.press('Enter');
	const done = await app.sessionWhere(id, atRest, 'the end of the turn');
	expect(done.pending).toEqual([]);
	await asked(late, 'approval').getByRole('button', { name: 'Allow' }).click();
	await asked(late, 'approval').getByRole('button', { name: 'Yes, run it' }).click();
	await expect(late.getByText('Somebody has answered this already.')).toBeVisible();
	expect((await app.events(id)).filter(({ type }) => type === 'request.decided')).toHaveLength(2);
	await expect(page.getByRole('log')).toContainText('Ran 2 command(s).');
});

test('the mode is changed in mid-turn, and holds over a reload and a new manager', async ({
	page
}) => {
	const id = await open(
		page,
		'[[demo: text chunks=60 interval=100 size=4]] [[demo: tools bash="echo x > asked.txt"]]',
		'full'
	);
	const mode = page.getByRole('button', { name: /^Permissions:/ });
	await expect(status(page)).toHaveAttribute('data-status', 'running');
	await mode.click();
	await page.getByRole('menuitemradio', { name: 'Ask before changes' }).click();
	await expect(mode).toHaveText('Ask before changes');
	await expect(asked(page, 'approval')).toContainText('echo x > asked.txt');
	await page.reload();
	await expect(mode).toHaveText('Ask before changes');
	await expect(page.getByRole('log')).toContainText('From here: Ask before changes');

	await app.stop();
	await app.start();
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(asked(page, 'approval')).toContainText('echo x > asked.txt');
	await mode.click();
	await page.getByRole('menuitemradio', { name: 'Full autonomy' }).click();
	await asked(page, 'approval').getByRole('button', { name: 'Allow' }).click();
	await app.sessionWhere(id, atRest, 'the end of the turn');
	expect((await app.session(id)).permissionMode).toBe('full');
});

test('a finish asked for in mid-turn shows at once, and is kept when the turn ends', async ({
	page
}) => {
	const id = await open(page, '[[demo: write path=b.txt content=hello]]');
	await expect(asked(page, 'approval')).toBeVisible();
	await page.getByRole('button', { name: 'More actions' }).click();
	await page.getByRole('menuitem', { name: /^Finish/ }).click();
	await expect(status(page)).toContainText('finishing after this turn');
	await expect(page.getByText('This session is finishing after this turn.')).toBeVisible();
	await killAndReload(page, app);
	await expect(status(page)).toContainText('finishing after this turn');

	await asked(page, 'approval').getByRole('button', { name: 'Allow' }).click();
	await app.sessionWhere(id, (session) => session.status === 'finished', 'the finish');
	await expect(status(page)).toHaveAttribute('data-status', 'finished');
	await expect(status(page)).not.toContainText('finishing');
});
