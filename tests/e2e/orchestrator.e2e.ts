/** An orchestrator with the real agent and the demo model: starts sessions, waits over a killed manager, is woken once. */
import { expect, test } from '@playwright/test';
import type { SessionEvent } from '../../packages/protocol/src/events.ts';
import type { Session } from '../../packages/protocol/src/session.ts';
import type { TestApp } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { atRest, violations } from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const goal = (prompts: readonly string[]): string =>
	`[[demo: orchestrate ${prompts.map((prompt) => `prompt='${prompt}'`).join(' ')}]]`;
const of = (events: readonly SessionEvent[], type: string): SessionEvent[] =>
	events.filter((event) => event.type === type);
const childrenOf = async ({ id }: Session): Promise<Session[]> => {
	const { body } = await app.api('GET', `/api/repos/${repoId}/sessions`);
	return (body.sessions as Session[]).filter(({ startedBy }) => startedBy === id);
};

test('starts two sessions, waits while the manager is killed, is woken once and reports', async ({
	page
}) => {
	test.setTimeout(180_000);
	const slow =
		'[[demo: text chunks=20 interval=400]] [[demo: tools bash="date > d"]] [[demo: commit message="On"]]';
	const own = await app.startSession(repoId, goal([slow, '[[demo: ask question="Which?"]]']), {
		role: 'orchestrator'
	});
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
		'the wait'
	);
	expect(waiting.wait?.sessionIds).toHaveLength(2);
	const spent = waiting.usage;
	await app.kill();
	await app.start();

	const done = await app.sessionWhere(
		own.id,
		(now) => atRest(now) && now.wait === null && now.turns > 1,
		'the report'
	);
	const events = await app.events(own.id);
	expect(violations(events)).toEqual([]);
	// Once when one asks and the other is done, once more after the answer.
	const registered = of(events, 'wait.registered');
	expect(of(events, 'wait.ended').map(({ payload }) => payload.waitId)).toEqual(
		registered.map(({ payload }) => payload.waitId)
	);
	const woken = of(events, 'message.accepted').filter(({ payload }) => payload.from === 'manager');
	expect(woken.map(({ payload }) => payload.commandId)).toEqual(
		registered.map(({ payload }) => payload.waitId)
	);
	expect(registered.length).toBeGreaterThan(0);
	expect(done.turns).toBe(1 + registered.length);
	expect(of(events, 'session.reported')).toHaveLength(1);
	expect(spent.outputTokens).toBeLessThan(done.usage.outputTokens);

	const children = await childrenOf(own);
	expect(children).toHaveLength(2);
	for (const child of children) {
		const [first] = of(await app.events(child.id), 'message.accepted');
		expect(first?.payload).toMatchObject({ from: 'orchestrator', fromSession: own.id });
	}
	const asking = children.find(({ goalPrompt }) => goalPrompt.includes('ask'));
	const decided = of(await app.events(asking?.id ?? ''), 'request.decided');
	expect(decided.map(({ payload }) => payload.bySession)).toEqual([own.id]);
	const worker = children.find(({ id }) => id !== asking?.id);
	expect(worker?.commitCount).toBe(1);

	await page.goto(app.link);
	await page.goto(`${app.origin}/sessions/${worker?.id}`);
	await expect(page.locator('[data-block=user]').first()).toContainText('From the orchestrator');
	await expect(page.getByRole('link', { name: /started by/i })).toHaveAttribute(
		'href',
		`/sessions/${own.id}`
	);
	await page.goto(`${app.origin}/sessions/${own.id}`);
	await expect(page.locator('[data-block=report]')).toContainText('come to rest');
	await expect(
		page
			.locator('[data-block=tool]')
			.getByRole('link', { name: worker?.title ?? '' })
			.first()
	).toHaveAttribute('href', `/sessions/${worker?.id}`);
});
