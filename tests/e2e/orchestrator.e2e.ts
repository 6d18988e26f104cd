/**
 * An orchestrator with the real agent and the demo model, in a real browser: it starts three sessions,
 * waits without a token, is woken once each time, answers a question or passes it on, reads diffs, reports.
 * `npx playwright test tests/e2e/orchestrator.e2e.ts --repeat-each 20` is how often that has to hold.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { SessionEvent } from '../../packages/protocol/src/events.ts';
import type { Session } from '../../packages/protocol/src/session.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { DRIVERS } from '../support/driver-engine.ts';
import { atRest, violations } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;

/** Four agents at once, on a machine that has other work. */
const PATIENCE_MS = 150_000;

const goal = (prompts: readonly string[]): string =>
	`[[demo: orchestrate ${prompts.map((prompt) => `prompt='${prompt}'`).join(' ')}]]`;
const of = (events: readonly SessionEvent[], type: string): SessionEvent[] =>
	events.filter((event) => event.type === type);
const childrenOf = async ({ id, repoId: repo }: Session): Promise<Session[]> => {
	const { body } = await app.api('GET', `/api/repos/${repo}/sessions`);
	return (body.sessions as Session[]).filter(({ startedBy }) => startedBy === id);
};
/** Nothing is left to be said to it: the message that wakes it stands in the queue for a moment. */
const isReported = (now: Session): boolean =>
	atRest(now) && now.wait === null && now.queued.length === 0 && now.turns > 1;

/** Each wait woke it once, by one message, and nothing was asked of the model while it lasted. */
const expectFreeWaits = (events: readonly SessionEvent[]): void => {
	expect(violations(events)).toEqual([]);
	const ids = (type: string): unknown[] => of(events, type).map(({ payload }) => payload.waitId);
	expect(ids('wait.registered').length).toBeGreaterThan(0);
	expect(ids('wait.ended')).toEqual(ids('wait.registered'));
	const woken = of(events, 'message.accepted').filter(({ payload }) => payload.from === 'manager');
	expect(woken.map(({ payload }) => payload.commandId)).toEqual(ids('wait.registered'));
	for (const { seq, payload } of of(events, 'wait.registered')) {
		const end = of(events, 'wait.ended').find((event) => event.payload.waitId === payload.waitId);
		const settled = of(events, 'session.settled').find((event) => event.seq > seq);
		const meanwhile = events.filter(
			(event) => event.seq > (settled?.seq ?? Infinity) && event.seq < (end?.seq ?? 0)
		);
		expect(meanwhile.map(({ type }) => type).filter((type) => /claude|turn/.test(type))).toEqual(
			[]
		);
	}
};

const playDemo = async ({ page }: { page: Page }): Promise<void> => {
	await page.goto(app.link);
	await page.getByRole('button', { name: 'Play the demo' }).click();
	await page.waitForURL(/\/sessions\//);
	const { body } = await app.api('POST', '/api/demo');
	const own = body.session as Session;
	expect(page.url(), 'the one that is live').toContain(own.id);

	const question = page.locator('[data-testid=pending-request][data-kind=question]');
	await expect(question).toContainText('How shall the line with a count look?', {
		timeout: PATIENCE_MS
	});
	const asks = (await childrenOf(own)).filter(({ waitingFor }) => waitingFor === 'answer');
	expect(asks).toHaveLength(1);
	// Its session waits for the orchestrator, which waits for the person: one that needs you.
	await expect(page).toHaveTitle(/^\(1\) /);
	await question.getByText('Words: 12').click();
	await question.getByRole('button', { name: 'Answer', exact: true }).click();

	await expect(page.locator('[data-block=report]')).toContainText('3 sessions have come to rest', {
		timeout: PATIENCE_MS
	});
	await app.sessionWhere(own.id, isReported, 'the end of its turn', PATIENCE_MS);
	expectFreeWaits(await app.events(own.id));
	const children = await childrenOf(own);
	expect(children.map(({ commitCount }) => commitCount)).toEqual([1, 1, 1]);
	const diff = await app.api(
		'GET',
		`/api/sessions/${asks[0]?.id}/changes/file?path=src/show-count.js`
	);
	expect(diff.body.hunks).toContain('`Words: ${count}`');
	await page.getByRole('button', { name: '3 branches of the sessions' }).click();
	const dialog = page.getByRole('dialog', { name: 'Branches' });
	await dialog.getByRole('button', { name: 'Push 3 branches' }).click();
	await expect(dialog.getByText('Pushed', { exact: true })).toHaveCount(3, { timeout: 60_000 });
	for (const { id } of children) {
		await app.sessionWhere(id, (now) => now.pushedCommit === now.headCommit, 'the push');
	}
};

const orchestrateOverARestart = async ({ page }: { page: Page }): Promise<void> => {
	const held =
		'[[demo: tools bash="until test -e go; do sleep 0.2; done"]] [[demo: commit message="On"]]';
	const quick = '[[demo: write path=c.txt content=quick-words]] [[demo: commit message="Add c"]]';
	const own = await app.startSession(
		repoId,
		goal([held, quick, '[[demo: ask question="Which?"]]']),
		{ role: 'orchestrator' }
	);
	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${own.id}`);
	const again = await app.api('POST', `/api/repos/${repoId}/sessions`, {
		goalPrompt: 'Another',
		role: 'orchestrator'
	});
	expect(again.status).toBe(409);
	expect(again.body.error).toMatchObject({
		code: 'orchestrator_exists',
		details: { sessionId: own.id }
	});

	const waiting = await app.sessionWhere(
		own.id,
		(now) => atRest(now) && now.wait !== null,
		'the wait',
		PATIENCE_MS
	);
	expect(waiting.wait?.sessionIds).toHaveLength(3);
	const isHeld = ({ goalPrompt }: Session): boolean => goalPrompt.includes('until');
	const workerId = (await childrenOf(own)).find(isHeld)?.id ?? '';
	await app.sessionWhere(workerId, ({ status }) => status === 'running', 'it', PATIENCE_MS);
	await app.kill();
	// It goes on while there is no manager: the wait can't be over before.
	writeFileSync(join(app.workspace, 'worktrees', workerId, 'go'), '');
	await app.start();

	await app.sessionWhere(own.id, isReported, 'the report', PATIENCE_MS);
	const events = await app.events(own.id);
	expectFreeWaits(events);
	expect(of(events, 'session.reported')).toHaveLength(1);
	const results = JSON.stringify(of(events, 'claude.user').map(({ payload }) => payload));
	expect(results, 'the diff that it has read').toContain('+quick-words');

	const children = await childrenOf(own);
	expect(children).toHaveLength(3);
	for (const child of children) {
		const [first] = of(await app.events(child.id), 'message.accepted');
		expect(first?.payload).toMatchObject({ from: 'orchestrator', fromSession: own.id });
	}
	const asking = children.find(({ goalPrompt }) => goalPrompt.includes('ask'));
	const decided = of(await app.events(asking?.id ?? ''), 'request.decided');
	expect(decided.map(({ payload }) => payload.bySession)).toEqual([own.id]);
	const worker = children.find(({ id }) => id === workerId);
	expect(worker?.commitCount).toBe(1);

	await expect(page.locator('[data-block=report]')).toContainText('come to rest');
	await expect(
		page
			.locator('[data-block=tool]')
			.getByRole('link', { name: worker?.title ?? '' })
			.first()
	).toHaveAttribute('href', `/sessions/${worker?.id}`);
	await page.goto(`${app.origin}/sessions/${worker?.id}`);
	await expect(page.locator('[data-block=user]').first()).toContainText('From the orchestrator');
	await expect(page.getByRole('link', { name: /started by/i })).toHaveAttribute(
		'href',
		`/sessions/${own.id}`
	);
};

for (const driver of DRIVERS) {
	test.describe(`with ${driver}`, () => {
		test.describe.configure({ timeout: 400_000 });
		useAppWithRepo((it) => ({ app, repoId } = it), driver);
		if (driver === 'bubblewrap') {
			test('the demo: one click, a question that is the person’s, three branches', playDemo);
		}
		test(
			'starts three sessions, waits while the manager is killed, answers one, reads diffs, reports',
			orchestrateOverARestart
		);
	});
}
