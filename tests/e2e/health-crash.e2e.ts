/**
 * `kill -9` of the real app in the middle of creating, starting and purging sessions: two minutes
 * later what is there is what should be there, and nobody else's things were touched.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { expect, test } from '@playwright/test';
import type { Inventory } from '../../packages/protocol/src/health.ts';
import type { Session } from '../../packages/protocol/src/session.ts';
import { TestApp, until } from '../support/app.ts';
import { gitIn, tempFolder } from '../support/git-fixture.ts';
import { atRest, ended, makeRepo, sandboxes } from '../support/lifecycle.ts';

/** From the kill: over each step of a start, and over each of a purge. */
const START_DELAYS_MS = [0, 30, 80, 150, 300, 600, 1_000];
const PURGE_DELAYS_MS = [0, 20, 50, 100, 200, 400, 800];
const CONVERGE_MS = 120_000;

test('killed at any step, the app comes back to exactly what is wanted within two minutes', async () => {
	test.setTimeout(900_000);
	const repo = tempFolder('repo');
	makeRepo(repo.path);
	const app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	const { id: repoId } = await app.addRepo(repo.path);
	const mirror = join(
		app.workspace,
		'repos',
		'local',
		readdirSync(join(app.workspace, 'repos', 'local'))[0] ?? ''
	);
	const list = async (): Promise<Session[]> =>
		(await app.api('GET', `/api/repos/${repoId}`)).body.sessions as Session[];
	/** Waits until the app itself finds nothing wrong, and looks whether that is so. */
	const converged = async (where: string): Promise<void> => {
		await until(
			async () => {
				const { body } = await app.api('POST', '/api/health/look');
				const wrong = (body as Inventory).findings.filter(
					({ class: is }) => is === 'ghost' || is === 'orphan' || is === 'leftover'
				);
				return (body as Inventory).failures.length === 0 && wrong.length === 0;
			},
			where,
			CONVERGE_MS
		);
		const ids = (await list()).map(({ id }) => id);
		for (const folder of ['worktrees', 'sessions']) {
			const there = readdirSync(join(app.workspace, folder)).filter((name) => !mine.has(name));
			expect(there.sort(), `${folder}, ${where}`).toEqual([...ids].sort());
		}
		const branches = (await list()).map(({ branchName }) => branchName);
		for (const ref of gitIn(mirror, 'for-each-ref', '--format=%(refname)').trim().split('\n')) {
			const branch = /^refs\/(?:heads|base)\/(agent\/.*)$/.exec(ref)?.[1];
			if (branch !== undefined) expect(branches, where).toContain(branch);
		}
	};
	/** Things with names like ours that are somebody else's. */
	const mine = new Set(['my-own', randomUUID()]);
	for (const name of mine) {
		mkdirSync(join(app.workspace, 'sandboxes', name), { recursive: true });
		const record = { instance: 'other', session: name, epoch: 1, bootId: 'x', groups: [] };
		writeFileSync(
			join(app.workspace, 'sandboxes', name, 'sandbox.json'),
			JSON.stringify({ ...record, limited: false, notes: [] })
		);
	}
	mkdirSync(join(app.workspace, 'worktrees', 'my-own'), { recursive: true });
	try {
		for (const delayMs of START_DELAYS_MS) {
			const { id } = await app.startSession(repoId, '[[demo: text text="on"]]');
			await new Promise((resolve) => setTimeout(resolve, delayMs));
			await app.kill();
			await app.start();
			const where = `killed ${delayMs} ms into a start`;
			await app.sessionWhere(id, atRest, where);
			await converged(where);
			await app.api('POST', `/api/sessions/${id}/stop`);
			await app.sessionWhere(id, ended, 'stopped');
		}
		for (const [index, { id }] of (await list()).entries()) {
			const delayMs = PURGE_DELAYS_MS[index] ?? 0;
			await app.api('POST', `/api/sessions/${id}/purge`);
			await new Promise((resolve) => setTimeout(resolve, delayMs));
			await app.kill();
			await app.start();
			const where = `killed ${delayMs} ms into a purge`;
			await until(
				async () => (await app.api('GET', `/api/sessions/${id}`)).status === 404,
				where,
				CONVERGE_MS
			);
			await converged(where);
		}
		expect(await list()).toEqual([]);
		for (const name of mine) {
			expect(existsSync(join(app.workspace, 'sandboxes', name, 'sandbox.json')), name).toBe(true);
		}
		expect(existsSync(join(app.workspace, 'worktrees', 'my-own'))).toBe(true);
		expect(sandboxes(app).filter((name) => !mine.has(name))).toEqual([]);
	} finally {
		await app.remove();
		repo.remove();
	}
});
