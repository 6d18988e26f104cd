/** The app's own health: what it says to whom, what it finds and mends, and what it counts. */
import { execFileSync } from 'node:child_process';
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { expect, test } from '@playwright/test';
import type {
	Finding,
	HealthReport,
	Inventory,
	Retention
} from '../../packages/protocol/src/health.ts';
import {
	healthReportSchema,
	inventorySchema,
	retentionSchema
} from '../../packages/protocol/src/health.ts';
import { type TestApp, until } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { gitIn } from '../support/git-fixture.ts';
import { atRest, ended } from '../support/lifecycle.ts';
import { Scrape } from '../support/prometheus-text.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const look = async (): Promise<Inventory> =>
	inventorySchema.parse((await app.api('POST', '/api/health/look')).body);
const wrong = ({ findings }: Inventory): Finding[] =>
	findings.filter((found) => ['ghost', 'orphan', 'leftover'].includes(found.class));
const scrape = async (): Promise<Scrape> => {
	const answer = await fetch(`${app.origin}/metrics`, {
		headers: { authorization: `Bearer ${app.token}` }
	});
	expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
	return new Scrape(await answer.text());
};
const mirror = (): string => {
	const folder = join(app.workspace, 'repos', 'local');
	return join(folder, readdirSync(folder)[0] ?? '');
};
const work = '[[demo: write path=b.txt content=hello]] [[demo: commit message="Add b"]]';
/** A session that has one commit and was stopped. */
const stopped = async () => {
	const { id } = await app.startSession(repoId, work);
	await app.sessionWhere(id, (now) => atRest(now) && now.commitCount === 1, 'the commit');
	await app.api('POST', `/api/sessions/${id}/stop`);
	return app.sessionWhere(id, ended, 'stopped');
};
const purge = async (id: string): Promise<void> => {
	await app.api('POST', `/api/sessions/${id}/purge`);
	await until(async () => (await app.api('GET', `/api/sessions/${id}`)).status === 404, 'gone');
};

test('says nothing but alive and ready to a stranger, and all of it to who has the token', async () => {
	const stranger = await fetch(`${app.origin}/api/health`);
	expect([stranger.status, await stranger.json()]).toEqual([
		200,
		{ status: 'ok', live: true, ready: true }
	]);
	for (const path of ['/metrics', '/api/health/inventory']) {
		expect((await fetch(app.origin + path, { redirect: 'manual' })).status, path).toBe(401);
	}
	const report = await until(async () => {
		const { body } = await app.api('GET', '/api/health');
		const parsed = healthReportSchema.parse(body);
		return parsed.components.every(({ lookedAt }) => lookedAt !== null) ? parsed : null;
	}, 'a look at every component');
	const names = report.components.map(({ name }) => name);
	expect(names).toEqual(
		expect.arrayContaining(['database', 'ingest', 'runners', 'reconciler', 'disk', 'git'])
	);
	expect(names).toEqual(expect.arrayContaining(['mirrors', 'model', 'github']));
	expect(report.components.filter(({ state }) => state === 'fail')).toEqual([]);
});

test('counts what a session does', async () => {
	const before = await scrape();
	const { id } = await app.startSession(repoId, work);
	await app.sessionWhere(id, (now) => atRest(now) && now.commitCount === 1, 'the commit');
	const after = await scrape();
	const moved = (name: string, labels = {}): number =>
		after.value(name, labels) - before.value(name, labels);
	const total = (await app.events(id)).length;
	expect(moved('agent_manager_events_total')).toBeGreaterThanOrEqual(total - 5);
	expect(moved('agent_manager_events_total', { source: 'claude' })).toBeGreaterThan(0);
	expect(moved('agent_manager_model_calls_total', { complete: 'true' })).toBeGreaterThan(0);
	expect(moved('agent_manager_model_tokens_total', { kind: 'output' })).toBeGreaterThan(0);
	expect(moved('agent_manager_starts_total', { outcome: 'done' })).toBe(1);
	expect(moved('agent_manager_reconciler_actions_total', { action: 'start' })).toBe(1);
	for (const histogram of [
		'agent_manager_ingest_lag_seconds',
		'agent_manager_start_step_seconds'
	]) {
		expect(after.observed(histogram), histogram).toBeGreaterThan(before.observed(histogram));
	}
	expect(after.observed('agent_manager_database_ping_seconds')).toBeGreaterThan(0);
	expect(after.value('agent_manager_sessions', { status: 'waiting' })).toBe(1);
	expect(after.value('agent_manager_ready')).toBe(1);
	expect(after.value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
	for (const { name, help } of after.families.values()) expect(help, name).not.toBe('');
	await purge(id);
});

test('is not ready while the database is away, says so, and comes back', async () => {
	const pidFile = join(app.workspace, 'postgres', 'data', 'postmaster.pid');
	const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
	const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
	const server = [postmaster, ...children.trim().split(' ').map(Number)];
	/** Of a server that is halted some processes may have ended meanwhile. */
	const signal = (name: NodeJS.Signals): void => {
		for (const pid of server) {
			try {
				process.kill(pid, name);
			} catch {
				continue;
			}
		}
	};
	signal('SIGSTOP');
	const health = async () => {
		const answer = await fetch(`${app.origin}/api/health`);
		return { status: answer.status, body: (await answer.json()) as HealthReport };
	};
	try {
		const away = await until(async () => {
			const now = await health();
			return now.status === 503 ? now : null;
		}, 'not ready');
		expect(away.body).toEqual({ status: 'not_ready', live: true, ready: false });
	} finally {
		signal('SIGCONT');
	}
	await until(async () => (await health()).status === 200, 'ready again');
});

test('finds what is gone, what is nobody’s and what was left, and mends what can lose nothing', async () => {
	const session = await stopped();
	const { headCommit } = session;
	expect(wrong(await look())).toEqual([]);

	const stray = randomUUID();
	const folders = { worktree: join(app.workspace, 'worktrees', session.id), stray };
	const hour = new Date(Date.now() - 2 * 60 * 60_000);
	// A ghost, an orphan, leftovers of two kinds, and things of somebody else.
	renameSync(folders.worktree, join(app.home, 'moved'));
	mkdirSync(join(app.workspace, 'sessions', stray));
	mkdirSync(join(app.workspace, 'worktrees', `.${stray}.new`));
	execFileSync('touch', [
		...['-d', hour.toISOString()],
		join(app.workspace, 'worktrees', `.${stray}.new`)
	]);
	const door = join(app.workspace, 'sessions', session.id, 'door', 'door.sock');
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(door, resolve));
	execFileSync('touch', ['-d', hour.toISOString(), door]);
	gitIn(mirror(), 'update-ref', 'refs/base/agent/gone', String(session.baseCommit));
	gitIn(mirror(), 'update-ref', 'refs/heads/agent/gone', String(headCommit));
	writeFileSync(join(app.workspace, 'notes.txt'), 'mine');
	mkdirSync(join(app.workspace, 'worktrees', 'my-own'));

	const inventory = await until(async () => {
		const now = await look();
		// A row that was just written is believed to be on its way for half a minute.
		return now.findings.some(({ class: is }) => is === 'ghost') ? now : null;
	}, 'the ghost');
	expect(wrong(inventory).map(({ class: is, kind }) => `${is} ${kind}`)).toEqual([
		'ghost worktree',
		'orphan session_folder'
	]);
	expect(existsSync(door)).toBe(false);
	expect(existsSync(join(app.workspace, 'worktrees', `.${stray}.new`))).toBe(false);
	const refs = gitIn(mirror(), 'for-each-ref', '--format=%(refname)');
	expect(refs).not.toMatch(/refs\/(heads|base)\/agent\/gone/);
	expect(gitIn(mirror(), 'for-each-ref', '--format=%(objectname)', 'refs/saved')).toContain(
		headCommit
	);
	const untouched = inventory.findings.filter(({ class: is }) => is === 'foreign');
	expect(untouched.map(({ name, repair }) => [name, repair])).toEqual(
		expect.arrayContaining([
			['notes.txt', null],
			['worktrees/my-own', null]
		])
	);

	const ids = wrong(inventory).map(({ id }) => id);
	const { body } = await app.api('POST', '/api/health/repairs', { ids });
	expect(body.outcomes).toEqual(ids.map((id) => ({ id, repaired: true, problem: null })));
	expect(wrong(body.inventory as Inventory)).toEqual([]);
	expect(existsSync(join(app.workspace, 'sessions', stray))).toBe(false);
	expect(gitIn(folders.worktree, 'rev-parse', 'HEAD').trim()).toBe(headCommit);
	expect(existsSync(join(app.workspace, 'notes.txt'))).toBe(true);
	server.close();

	// And without a click, a resume makes what is missing again.
	rmSync(folders.worktree, { recursive: true });
	await app.api('POST', `/api/sessions/${session.id}/resume`);
	const back = await app.sessionWhere(session.id, atRest, 'live again');
	expect(back.headCommit).toBe(headCommit);
	expect(gitIn(folders.worktree, 'rev-parse', 'HEAD').trim()).toBe(headCommit);
	await purge(session.id);
});

test('shows what the archive would free, frees that and nothing else, and keeps the commits', async () => {
	const session = await stopped();
	const other = await stopped();
	const preview = async (days = 0) =>
		(await app.api('GET', `/api/health/retention?archivedDays=${days}`)).body as Retention;
	expect((await preview()).sessions).toEqual([]);
	await app.api('POST', `/api/sessions/${session.id}/archive`);
	await until(async () => {
		const sizes = (await look()).disk?.bySession.find(({ sessionId }) => sessionId === session.id);
		return sizes?.archived && sizes.worktreeBytes > 0 && sizes.folderBytes > 0;
	}, 'both of its sizes');
	const shown = retentionSchema.strict().parse(await preview());
	expect(shown).toMatchObject({ archiveAfterDays: 30, deleteAfterDays: 0, archived: 1 });
	expect(shown.sessions).toMatchObject([{ sessionId: session.id, commitCount: 1 }]);
	expect((await preview(1)).sessions).toEqual([]);
	// One that is not in the archive is not purged, whoever asks.
	const sessionIds = [session.id, other.id];
	const freed = await app.api('POST', '/api/health/retention', { sessionIds });
	expect([freed.status, freed.body]).toEqual([202, { purged: 1, bytes: shown.bytes }]);
	await until(
		async () => (await app.api('GET', `/api/sessions/${session.id}`)).status === 404,
		'gone'
	);
	expect(existsSync(join(app.workspace, 'worktrees', session.id))).toBe(false);
	expect((await app.session(other.id)).status).toBe('stopped');
	const kept = (await look()).findings.filter(({ class: is }) => is === 'kept');
	expect(kept.some(({ name }) => name.includes(`refs/saved/${session.id}/`))).toBe(true);
	await purge(other.id);
});

test('shows itself on a page that anybody can use', async ({ page }) => {
	const stray = randomUUID();
	mkdirSync(join(app.workspace, 'sessions', stray));
	await look();
	await page.goto(app.link);
	await expect(page.getByTestId('health-mark')).toBeVisible();
	await page.getByRole('link', { name: /^Health/ }).click();
	await expect(page.getByTestId('verdict')).toHaveText('1 thing needs you');
	await expect(page.locator('[data-name="database"][data-state="ok"]')).toBeVisible();
	const finding = page.locator('[data-testid="finding"][data-class="orphan"]');
	await expect(finding).toContainText(`sessions/${stray}`);
	await finding.getByRole('button').click();
	const dialog = page.getByRole('alertdialog');
	await expect(dialog).toContainText('can then not be resumed');
	await dialog.getByRole('button', { name: 'Remove the session folder' }).click();
	await expect(page.getByTestId('no-findings')).toBeVisible();
	expect(existsSync(join(app.workspace, 'sessions', stray))).toBe(false);
	for (const size of [
		{ width: 1440, height: 900 },
		{ width: 390, height: 844 }
	]) {
		await page.setViewportSize(size);
		const overflow = await page.evaluate(
			() => document.documentElement.scrollWidth - document.documentElement.clientWidth
		);
		expect(overflow, `${size.width}`).toBe(0);
	}
});
