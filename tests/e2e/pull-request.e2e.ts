/** From a session's commits to a pull request, and from what fails of it back to the agent, in a real browser. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import { DEMO_GOAL } from '../../src/lib/server/model/demo/demo-feature.ts';
import { TestApp } from '../support/app.ts';
import { axeFindings } from '../support/axe.ts';
import { startFakeGithub, type FakeGithub } from '../support/fake-github.ts';
import { gitIn, tempFolder } from '../support/git-fixture.ts';
import { callBackend } from '../support/git-http-server.ts';
import { atRest, makeRepo } from '../support/lifecycle.ts';

const root = tempFolder('github');
const upstream = join(root.path, 'octo', 'app.git');
let github: FakeGithub;
let app: TestApp;
let repoId: string;

test.beforeAll(async () => {
	const work = join(root.path, 'work');
	for (const path of [work, upstream]) mkdirSync(path, { recursive: true });
	makeRepo(work);
	gitIn(upstream, 'init', '--quiet', '--bare', '--initial-branch=main');
	gitIn(work, 'push', '--quiet', upstream, 'main');
	github = await startFakeGithub();
	github.other = (request, response) => callBackend(root.path, request, response);
	github.hasBranch = (name) => {
		try {
			execFileSync('git', ['-C', upstream, 'rev-parse', '--verify', '-q', `refs/heads/${name}`]);
			return true;
		} catch {
			return false;
		}
	};
	app = await new TestApp({
		SANDBOX_DRIVER: 'bubblewrap',
		ALLOW_GIT_HOSTS: new URL(github.baseUrl).host,
		GITHUB_API_URL: `${github.baseUrl}/api/v3`,
		GH_ENTERPRISE_TOKEN: 'good-token'
	}).start();
	repoId = (await app.addRepo(`${github.baseUrl}/octo/app.git`)).id;
});
test.afterAll(async () => {
	await app.remove();
	await github.close();
	root.remove();
});

test('a branch is pushed, its pull request opened, and a failing check fixed', async ({ page }) => {
	const work = '[[demo: write path=b.txt content=b]] [[demo: commit message="Add b"]]';
	const session = await app.startSession(
		repoId,
		`Add b\n\n${work} [[demo: text text="b is added."]]`
	);
	await app.sessionWhere(session.id, (now) => atRest(now) && now.commitCount === 1, 'the commit');
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${session.id}`);
	await page.getByRole('button', { name: 'Pull request', exact: true }).click();
	await expect(page.getByLabel('Title')).toHaveValue('Add b');
	await expect(page.getByLabel('Description')).toHaveValue(/b is added/);
	await expect(page.getByLabel('Merge into')).toHaveValue('main');
	await page.getByLabel('Draft').check();
	await page.getByRole('button', { name: 'Push and open pull request' }).click();
	await expect(page.getByRole('heading', { name: '#1 Add b' })).toBeVisible();
	expect(github.pulls[0]).toMatchObject({ draft: true, head: { ref: session.branchName } });
	await expect(page.getByRole('link', { name: 'Branch', exact: true })).toHaveAttribute(
		'href',
		`${github.baseUrl}/octo/app/tree/${session.branchName}`
	);

	github.logs.set(7, 'AssertionError: b is not c');
	Object.assign(github.pulls[0]!, {
		draft: false,
		checks: [
			{ id: 7, name: 'test', status: 'completed', conclusion: 'failure', html_url: 'https://x/7' }
		]
	});
	await page.getByRole('button', { name: 'Fix this: test' }).click({ timeout: 60_000 });
	await expect(page.getByText('Sent to the agent')).toBeVisible();
	await expect(page.getByText('AssertionError: b is not c').first()).toBeVisible();
	await expect(
		page.getByRole('button', { name: 'Pull request #1, open, checks failed' })
	).toBeVisible();

	await app.kill();
	github.broken = true;
	await app.start();
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${session.id}`);
	await expect(page.getByRole('button', { name: /^Pull request #1, open/ })).toBeVisible();
	github.broken = false;
});

test('an orchestrator splits a feature, the person answers, the branches become pull requests', async ({
	page
}) => {
	test.setTimeout(400_000);
	const own = await app.startSession(repoId, DEMO_GOAL, { role: 'orchestrator' });
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${own.id}`);
	const question = page.locator('[data-testid=pending-request][data-kind=question]');
	await question.getByText('Words: 12').click({ timeout: 150_000 });
	await question.getByRole('button', { name: 'Answer', exact: true }).click();
	await expect(page.locator('[data-block=report]')).toContainText('3 sessions have come to rest', {
		timeout: 150_000
	});

	const before = github.pulls.length;
	await page.getByRole('button', { name: '3 branches of the sessions' }).click();
	const dialog = page.getByRole('dialog', { name: 'Branches' });
	const openAll = dialog.getByRole('button', { name: 'Push and open 3 pull requests' });
	await expect(openAll).toBeVisible();
	expect(await axeFindings(page, '[role="dialog"]')).toEqual([]);
	await openAll.click();
	await expect(dialog.getByRole('link', { name: /^Pull request #\d+, open$/ })).toHaveCount(3);
	await expect(openAll).toBeHidden();

	const { body } = await app.api('GET', `/api/repos/${repoId}/sessions`);
	const children = (body.sessions as Session[]).filter(({ startedBy }) => startedBy === own.id);
	const opened = github.pulls.slice(before);
	expect(opened.map(({ head, title }) => [head.ref, title]).sort()).toEqual(
		children.map(({ branchName, title }) => [branchName, title]).sort()
	);
	for (const { branchName, headCommit } of children)
		expect(gitIn(upstream, 'rev-parse', branchName)).toBe(headCommit);
	expect(opened.map(({ body: text }) => text.includes('is committed'))).toEqual([true, true, true]);
});
