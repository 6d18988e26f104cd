/**
 * The road of a review in a real browser: an agent changes files, a person reads the diff, comments on lines,
 * commits what is left, pushes; and what is refused.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import { TestApp } from '../support/app.ts';
import { axeFindings } from '../support/axe.ts';
import { commitFiles, gitIn, tempFolder, type TempFolder } from '../support/git-fixture.ts';
import { atRest, makeRepo } from '../support/lifecycle.ts';

let app: TestApp;
let folder: TempFolder;
let upstream: string;
let repoId: string;

test.beforeAll(async () => {
	folder = tempFolder('review');
	const work = join(folder.path, 'work');
	upstream = join(folder.path, 'upstream.git');
	mkdirSync(work);
	makeRepo(work);
	commitFiles(work, { 'src/sum.ts': 'export const sum = (a: number, b: number) => a + b;\n' });
	gitIn(folder.path, 'clone', '--quiet', '--bare', work, upstream);
	app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	repoId = (await app.addRepo(upstream)).id;
});
test.afterAll(async () => {
	await app.remove();
	folder.remove();
});

const gitEnded = (session: Session): boolean =>
	session.gitAction !== null && session.gitAction.status !== 'running';
const panel = (page: Page) => page.getByTestId('changes-panel');
const openSession = async (page: Page, id: string): Promise<void> => {
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${id}`);
	await expect(page.getByTestId('session-status').first()).toHaveAttribute(
		'data-waiting-for',
		'input'
	);
};

test('an agent’s changes are read, commented on, committed and pushed', async ({ page }) => {
	const { id } = await app.startSession(
		repoId,
		'Change the sum\n\n[[demo: edit path=src/sum.ts old="a + b" new="a - b"]]' +
			'[[demo: commit message="Change the sum"]][[demo: write path=notes.txt content=left]]'
	);
	const { branchName } = await app.sessionWhere(id, atRest, 'rest');
	await openSession(page, id);
	await page.locator('body').press('c');

	await panel(page).getByRole('button', { name: 'Last turn' }).click();
	await expect(panel(page).getByRole('button', { name: /notes\.txt, added/ })).toBeVisible();
	await panel(page)
		.getByRole('button', { name: /src\/sum\.ts/ })
		.click();
	const diff = page.getByTestId('file-diff');
	await expect(diff).toContainText('a - b');
	expect(await axeFindings(page, '[data-testid="changes-panel"]')).toEqual([]);
	await diff.locator('[data-line-type="change-addition"][data-column-number]').first().click();
	const comment = page.getByPlaceholder('What should the agent do here?');
	await expect(page.getByText('src/sum.ts, line 1', { exact: true })).toBeVisible();
	await comment.press('Escape');
	await expect(diff, 'the keys are where they were').toBeFocused();
	await diff.press('ArrowDown');
	await expect(panel(page)).toContainText('Line 1, removed: export const sum');
	await diff.press('ArrowDown');
	await expect(panel(page)).toContainText('Line 1, added: export const sum');
	await diff.press('Enter');
	await comment.fill('Add, do not subtract.');
	await comment.press('Control+Enter');
	await page.reload();
	await page.getByRole('button', { name: 'Changes', exact: true }).click();
	await panel(page).getByRole('button', { name: 'Send to the agent' }).click();
	const log = page.getByRole('log');
	await expect(log).toContainText('Add, do not subtract.');
	await app.sessionWhere(id, (session) => session.turns === 2 && atRest(session), 'the answer');
	const said = (await app.events(id)).filter(({ type }) => type === 'message.accepted').at(-1);
	expect(said?.payload.text).toBe(
		'I have a comment on your changes:\n\n### src/sum.ts, line 1\n\n```diff\n' +
			'+export const sum = (a: number, b: number) => a - b;\n```\n\nAdd, do not subtract.'
	);

	await panel(page).getByRole('button', { name: 'One commit' }).click();
	await panel(page)
		.getByRole('button', { name: /^Change the sum/ })
		.click();
	await expect(panel(page).getByTestId('changes-total')).toHaveText('1 file +1 −1');
	await panel(page).getByRole('button', { name: 'Back to the commits' }).click();
	await expect(panel(page).getByRole('button', { name: /^Change the sum/ })).toBeVisible();

	await panel(page).getByRole('button', { name: 'Uncommitted' }).click();
	await expect(panel(page).getByRole('button', { name: /notes\.txt/ })).toBeVisible();
	await panel(page).getByRole('button', { name: 'Commit…' }).click();
	await page.getByRole('textbox', { name: 'Message', exact: true }).fill('Add notes');
	await page.getByRole('button', { name: 'Commit', exact: true }).click();
	await expect(panel(page)).toContainText('Everything is committed.');
	await panel(page).getByRole('button', { name: 'Push' }).click();
	await expect(panel(page).getByRole('button', { name: 'Pushed' })).toBeDisabled();
	const pushed = gitIn(upstream, 'log', '--format=%s', `main..${branchName}`).split('\n');
	expect([pushed.at(0), pushed.at(-1)]).toEqual(['Add notes', 'Change the sum']);
});

test('the default branch is never pushed to, and no commit of others is overwritten unasked', async ({
	page
}) => {
	const prompt = '[[demo: write path=b.txt content=b]][[demo: commit message="Add b"]]';
	const { id, branchName } = await app.startSession(repoId, prompt, { branchSuffix: 'trunk' });
	await app.sessionWhere(id, atRest, 'rest');
	const push = async (body: object = {}): Promise<Session> => {
		const asked = await app.api('POST', `/api/sessions/${id}/push`, body);
		expect(asked.status).toBe(202);
		return app.sessionWhere(id, gitEnded, 'the push');
	};
	gitIn(upstream, 'branch', branchName, 'main');
	gitIn(upstream, 'symbolic-ref', 'HEAD', `refs/heads/${branchName}`);
	expect((await push()).gitAction?.error?.code).toBe('push_refused');
	gitIn(upstream, 'symbolic-ref', 'HEAD', 'refs/heads/main');

	const clone = join(folder.path, 'clone');
	gitIn(folder.path, 'clone', '--quiet', '--branch', branchName, upstream, clone);
	commitFiles(clone, { 'theirs.txt': 'theirs\n' });
	gitIn(clone, 'push', '--quiet', 'origin', branchName);
	await openSession(page, id);
	await page.locator('body').press('c');
	await panel(page).getByRole('button', { name: 'Push', exact: true }).click();
	await page.getByRole('button', { name: 'Overwrite…' }).click();
	await page.getByRole('button', { name: 'Overwrite', exact: true }).click();
	await expect(panel(page).getByRole('button', { name: 'Pushed' })).toBeDisabled();
	expect(gitIn(upstream, 'rev-parse', branchName)).toBe((await app.session(id)).headCommit);
});

test('an update with conflicts is shown, and given to the agent or taken back', async ({
	page
}) => {
	const prompt = '[[demo: write path=a.txt content=ours]][[demo: commit message="Change a"]]';
	const { id } = await app.startSession(repoId, prompt);
	await app.sessionWhere(id, atRest, 'rest');
	const clone = join(folder.path, 'theirs');
	gitIn(folder.path, 'clone', '--quiet', upstream, clone);
	const base = commitFiles(clone, { 'a.txt': 'theirs\n' });
	gitIn(clone, 'push', '--quiet', 'origin', 'main');
	await openSession(page, id);
	await page.locator('body').press('c');
	await panel(page).getByRole('button', { name: 'More git actions' }).click();
	await page.getByRole('menuitem', { name: /Merge the newest main/ }).click();
	await expect(panel(page)).toContainText('There are conflicts in one file.');
	await panel(page).getByRole('button', { name: 'Take the update back' }).click();
	await expect(panel(page)).not.toContainText('There are conflicts');
	const session = await app.session(id);
	expect([session.baseCommit, session.commitCount]).toEqual([base, 1]);
});
