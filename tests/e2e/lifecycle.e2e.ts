/** A session's life under every command in every status, and its deaths. No browser: the API and `/ws`. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import { type TestApp, until } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { gitIn } from '../support/git-fixture.ts';
import {
	atRest,
	ended,
	initPid,
	processesIn,
	untilSandboxesFit,
	Viewer,
	violations
} from '../support/lifecycle.ts';

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const mirror = (): string => {
	const folder = join(app.workspace, 'repos', 'local');
	return join(folder, readdirSync(folder)[0] ?? '');
};
const post = (session: Session, command: string, body?: object) =>
	app.api('POST', `/api/sessions/${session.id}/${command}`, body);
const say = (session: Session, message: string) => post(session, 'messages', { message });
const where = (session: Session, is: (now: Session) => boolean, what: string) =>
	app.sessionWhere(session.id, is, what);
const rested = (session: Session) => where(session, atRest, 'rest');
const eventTypes = async (session: Session) =>
	(await app.events(session.id)).map(({ type }) => type);

test('one key is one session, however often and over whatever it is asked', async () => {
	for (const more of [{}, { branchSuffix: 'twenty-at-once' }]) {
		const key = randomUUID();
		const body = { goalPrompt: '[[demo: text text="once"]]', ...more };
		const viewer = await Viewer.open(app);
		for (let i = 0; i < 10; i++) {
			viewer.send({ type: 'session.start', repoId, idempotencyKey: key, ...body });
		}
		const overHttp = await Promise.all(
			Array.from({ length: 10 }, () =>
				app.api('POST', `/api/repos/${repoId}/sessions`, body, { 'idempotency-key': key })
			)
		);
		await until(async () => viewer.frames.length === 10, 'ten answers');
		const answers = [
			...overHttp.map(({ status, body: answer }) => [status, answer.session?.id]),
			...viewer.frames.map(({ kind, payload }) => [
				kind === 'ack' ? 201 : kind,
				payload.session?.id
			])
		];
		expect(new Set(answers.map(String)).size, JSON.stringify(answers)).toBe(1);
		expect(answers[0]?.[0]).toBe(201);
		viewer.ws.close();
		await post(overHttp[0]?.body.session as Session, 'purge');
	}
});

test('a stop ends a start at whichever step, leaves nothing running, and resume goes on', async () => {
	for (const delayMs of [0, 20, 60, 120, 250, 500]) {
		const session = await app.startSession(repoId, `[[demo: text text="${delayMs}"]]`);
		await new Promise((resolve) => setTimeout(resolve, delayMs));
		const [first, second] = await Promise.all([post(session, 'stop'), post(session, 'stop')]);
		expect([first.status, second.status]).toEqual([202, 202]);
		const begun = Date.now();
		await where(session, ({ status }) => status === 'stopped', `stopped after ${delayMs} ms`);
		expect(Date.now() - begun).toBeLessThan(10_000);
		await untilSandboxesFit(app, repoId);
		expect((await say(session, 'too late')).body.error.code).toBe('session_not_live');
		expect((await post(session, 'resume')).status).toBe(202);
		const back = await rested(session);
		expect(back.turns, 'the first message is begun once').toBe(1);
		expect(violations(await app.events(session.id))).toEqual([]);
		await post(session, 'purge');
	}
});

test('messages wait their turn, and a queue outlives a stop', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=40 interval=20]]');
	for (let i = 0; i < 60; i++)
		expect((await say(session, `[[demo: text text="m${i}"]]`)).status).toBe(202);
	await where(session, ({ turns }) => turns > 5, 'a few turns');
	await post(session, 'stop');
	await where(session, ended, 'stopped');
	await post(session, 'resume');
	const done = await where(session, (now) => atRest(now) && now.turns >= 61, 'all turns');
	expect(done.turns).toBe(61);
	expect(violations(await app.events(session.id))).toEqual([]);
	await post(session, 'purge');
});

test('an interrupt ends text and commands alike, and the conversation goes on', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=500 interval=50]]');
	await where(session, ({ status }) => status === 'running', 'running');
	await post(session, 'interrupt');
	await rested(session);
	await say(session, '[[demo: tools bash="tail -f /dev/null"]]');
	await until(async () => processesIn(app, session.id, /^tail -f/).length > 0, 'the command');
	const begun = Date.now();
	await post(session, 'interrupt');
	await rested(session);
	expect(Date.now() - begun).toBeLessThan(5_000);
	expect(processesIn(app, session.id, /^tail -f/)).toEqual([]);
	await say(session, '[[demo: text text="still here"]]');
	await where(session, (now) => atRest(now) && now.turns === 3, 'the third turn');
	await post(session, 'purge');
});

test('a finish that a stop overtakes is void after a resume', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=200 interval=50]]');
	await where(session, ({ status }) => status === 'running', 'running');
	await post(session, 'finish');
	expect((await say(session, 'no more')).body.error.code).toBe('session_not_live');
	await post(session, 'stop');
	await where(session, ({ status }) => status === 'stopped', 'stopped');
	await post(session, 'resume');
	await rested(session);
	await say(session, '[[demo: text text="on"]]');
	await where(session, (now) => atRest(now) && now.turns === 2, 'another turn');
	await post(session, 'finish');
	await where(session, ({ status }) => status === 'finished', 'finished');
	expect((await post(session, 'finish')).body.error.code).toBe('session_not_live');
	await post(session, 'resume');
	await rested(session);
	await post(session, 'purge');
});

test('what sleeps is woken by a message, and stopped, finished and purged asleep', async () => {
	const asleep = async (): Promise<Session> => {
		const session = await app.startSession(repoId, '[[demo: text text="tired"]]');
		await rested(session);
		expect((await post(session, 'sleep')).status).toBe(202);
		await untilSandboxesFit(app, repoId);
		return session;
	};
	const woken = await asleep();
	await say(woken, '[[demo: text text="awake"]]');
	await where(woken, (now) => atRest(now) && now.turns === 2, 'woken');
	await post(woken, 'purge');
	for (const [command, status] of [
		['stop', 'stopped'],
		['finish', 'finished']
	] as const) {
		const session = await asleep();
		await post(session, command);
		await where(session, (now) => now.status === status, status);
		await post(session, 'purge');
	}
	await post(await asleep(), 'purge');
	await until(
		async () => (await app.api('GET', `/api/repos/${repoId}`)).body.sessions.length === 0,
		'none left'
	);
});

const deaths: [string, (session: Session) => void, RegExp][] = [
	['the sandbox is killed', ({ id }) => process.kill(initPid(app, id), 'SIGKILL'), /sandbox_died/],
	[
		'the agent alone is killed',
		({ id }) => processesIn(app, id, /claude /).forEach((pid) => process.kill(pid, 'SIGKILL')),
		/agent_failed/
	]
];
for (const [name, kill, code] of deaths) {
	test(`${name}: the session says so, keeps all, and resumes`, async () => {
		const die = async (prompt: string): Promise<void> => {
			const session = await app.startSession(repoId, prompt);
			const isIdle = prompt.includes('idle');
			await where(session, (now) => now.turns === 1 && (atRest(now) || !isIdle), 'a turn');
			await until(async () => processesIn(app, session.id, /claude /).length > 0, 'the agent');
			const before = await app.events(session.id);
			kill(session);
			const begun = Date.now();
			const dead = await where(session, ({ status }) => status === 'error', 'the error');
			expect(Date.now() - begun).toBeLessThan(5_000);
			expect(dead.error?.code).toMatch(code);
			expect((await app.events(session.id)).slice(0, before.length)).toEqual(before);
			expect((await say(session, 'hello')).status).toBe(409);
			expect((await post(session, 'retry')).status).toBe(202);
			await rested(session);
			await say(session, '[[demo: text text="again"]]');
			await where(session, (now) => atRest(now) && now.turns >= 2, 'the conversation goes on');
			expect(violations(await app.events(session.id))).toEqual([]);
			await untilSandboxesFit(app, repoId);
			await post(session, 'purge');
		};
		await die('[[demo: text text="idle"]]');
		await die('[[demo: text chunks=500 interval=20]]');
	});
}

test('a frozen runner is stopped in time', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=500 interval=20]]');
	await where(session, ({ status }) => status === 'running', 'running');
	for (const pid of processesIn(app, session.id, /./)) process.kill(pid, 'SIGSTOP');
	const begun = Date.now();
	await post(session, 'stop');
	await where(session, ({ status }) => status === 'stopped', 'stopped');
	expect(Date.now() - begun).toBeLessThan(10_000);
	await post(session, 'purge');
});

test('one of two answers counts, also after a killed manager', async () => {
	const session = await app.startSession(repoId, '[[demo: tools bash="touch x"]]', {
		permissionMode: 'ask'
	});
	const asking = await where(
		session,
		({ waitingFor }) => waitingFor === 'approval',
		'the question'
	);
	await app.kill();
	await app.start();
	const again = await where(
		session,
		({ waitingFor }) => waitingFor === 'approval',
		'the question still'
	);
	expect(again.pending).toEqual(asking.pending);
	const { requestId } = again.pending[0] ?? { requestId: '' };
	const answers = await Promise.all(
		['allow', 'deny'].map((decision) => post(session, 'decide', { requestId, decision }))
	);
	expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
	await rested(session);
	expect((await eventTypes(session)).filter((type) => type === 'request.decided')).toHaveLength(1);
	await post(session, 'purge');
});

test('a database that is killed three times loses nothing, for the log or for who looks at it', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=80 interval=30]]');
	const viewer = await Viewer.open(app);
	viewer.send({ type: 'subscribe.session', sessionId: session.id, afterSeq: 0 }, 'subscribe');
	await where(session, ({ turns }) => turns === 1, 'the turn');
	const pidFile = join(app.workspace, 'postgres', 'data', 'postmaster.pid');
	// While the server starts again there is no such file for a moment.
	const postmaster = (): number =>
		existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : 0;
	for (let i = 0; i < 3; i++) {
		const killed = postmaster();
		process.kill(killed, 'SIGKILL');
		await until(
			async () =>
				postmaster() > 0 &&
				postmaster() !== killed &&
				(await app.events(session.id).catch(() => null)),
			'the database'
		);
	}
	await rested(session);
	const events = await app.events(session.id);
	expect(violations(events)).toEqual([]);
	await until(async () => viewer.seqs().length >= events.length, 'every event');
	expect(viewer.seqs()).toEqual(events.map(({ seq }) => seq));
	viewer.ws.close();
	await post(session, 'purge');
});

test('a purge keeps commits under a saved ref and nothing else', async () => {
	const session = await app.startSession(
		repoId,
		'[[demo: write path=b.txt content=hello]] [[demo: commit message="Add b"]]'
	);
	await where(session, (now) => atRest(now) && now.commitCount === 1, 'the commit');
	const { headCommit } = await app.session(session.id);
	expect((await app.api('DELETE', `/api/repos/${repoId}`)).status).toBe(409);
	await post(session, 'stop');
	await post(session, 'purge');
	await until(
		async () => (await app.api('GET', `/api/sessions/${session.id}`)).status === 404,
		'gone'
	);
	for (const folder of ['worktrees', 'sessions', 'sandboxes']) {
		expect(existsSync(join(app.workspace, folder, session.id)), folder).toBe(false);
	}
	const saved = gitIn(mirror(), 'for-each-ref', '--format=%(objectname) %(refname)', 'refs/saved');
	expect(saved).toContain(`${headCommit} refs/saved/`);
	expect(saved.split('\n')).toHaveLength(1);
});
