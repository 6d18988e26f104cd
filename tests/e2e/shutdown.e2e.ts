/** SIGTERM while this and that is under way: gone within ten seconds, agents go on, nothing is lost. */
import { request } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { TestApp, until } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { startGitHttpServer, type GitHttpServer } from '../support/git-http-server.ts';
import { atRest, makeRepo, processesIn, Viewer, violations } from '../support/lifecycle.ts';

const TEN_SECONDS = 10_000;

let app: TestApp;
let repoId: string;
let gitServer: GitHttpServer;
const repo = tempFolder('repo');

test.beforeAll(async () => {
	makeRepo(repo.path);
	gitServer = await startGitHttpServer({ root: repo.path });
	const env = { SANDBOX_DRIVER: 'bubblewrap', ALLOW_GIT_HOSTS: gitServer.host };
	app = await new TestApp(env).start();
	repoId = (await app.addRepo(repo.path)).id;
});
test.afterAll(async () => {
	await app.remove();
	await gitServer.close();
	repo.remove();
});

const stopInTime = async (): Promise<void> => {
	const begun = Date.now();
	await app.stop();
	expect(Date.now() - begun).toBeLessThan(TEN_SECONDS);
};

/** A request whose body does not come: it keeps the app waiting for it. */
const slowRequest = (): Promise<{ end: () => void; status: Promise<number> }> => {
	const sent = request(`${app.origin}/api/repos`, {
		method: 'POST',
		headers: { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' }
	});
	const status = new Promise<number>((resolve) => {
		sent.on('response', (answer) => resolve(answer.statusCode ?? 0));
		sent.on('error', () => resolve(0));
	});
	sent.write('{"url":');
	return new Promise((resolve) =>
		sent.on('socket', (socket) =>
			socket.on('connect', () => resolve({ end: () => sent.end('"not a repo"}'), status }))
		)
	);
};

test('a request that is in is answered, later ones are refused, viewers are told to come back', async () => {
	const session = await app.startSession(repoId, '[[demo: text chunks=400 interval=20]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	const viewer = await Viewer.open(app);
	viewer.send({ type: 'subscribe.session', sessionId: session.id }, 'subscribe');
	await until(async () => viewer.of('snapshot').length > 0, 'the snapshot');
	const slow = await slowRequest();
	const agent = processesIn(app, session.id, /claude /);
	expect(agent.length).toBeGreaterThan(0);

	const begun = Date.now();
	const stopped = app.stop();
	expect(await viewer.closed).toBe(1001);
	const late = await app.api('GET', '/api/repos');
	expect([late.status, late.body.error.code]).toEqual([503, 'shutting_down']);
	slow.end();
	expect(await slow.status, 'a bad address, said to whom asked').toBe(400);
	await stopped;
	expect(Date.now() - begun).toBeLessThan(TEN_SECONDS);
	for (const pid of agent) expect(() => process.kill(pid, 0), 'the agent goes on').not.toThrow();

	await app.start();
	await app.sessionWhere(
		session.id,
		(now) => atRest(now) && now.turns === 1,
		'the end of the turn'
	);
	expect(violations(await app.events(session.id))).toEqual([]);
	await app.api('POST', `/api/sessions/${session.id}/purge`);
});

test('a clone, a start, a request without an end and a viewer that does not read', async () => {
	gitServer.stalled = true;
	const url = `${gitServer.origin}/stalled.git`;
	expect((await app.api('POST', '/api/repos', { url })).status).toBe(201);
	await until(async () => gitServer.requests.length > 0, 'the clone to ask');
	const session = await app.startSession(repoId, '[[demo: text chunks=5000 interval=2]]');
	await app.sessionWhere(session.id, ({ status }) => status === 'running', 'the turn');
	const viewer = await Viewer.open(app);
	viewer.send({ type: 'subscribe.session', sessionId: session.id }, 'subscribe');
	await until(async () => viewer.of('snapshot').length > 0, 'the snapshot');
	viewer.ws.pause();
	await slowRequest();
	const starting = await app.startSession(repoId, '[[demo: text text="later"]]');
	await stopInTime();
	gitServer.stalled = false;
	await app.start();
	await app.sessionWhere(starting.id, atRest, 'the start that was cut off');
	for (const { id } of [session, starting]) await app.api('POST', `/api/sessions/${id}/purge`);
	viewer.ws.terminate();
});

test('a database that does not answer', async () => {
	const postgres = join(app.workspace, 'postgres', 'data', 'postmaster.pid');
	const postmaster = Number(readFileSync(postgres, 'utf8').split('\n')[0]);
	const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
	const all = [postmaster, ...children.trim().split(' ').map(Number)];
	for (const pid of all) process.kill(pid, 'SIGSTOP');
	const hanging = app.api('GET', '/api/repos').catch(() => null);
	try {
		await stopInTime();
	} finally {
		for (const pid of all) process.kill(pid, 'SIGCONT');
	}
	await hanging;
	await app.start();
	expect((await app.api('GET', '/api/repos')).status).toBe(200);
});

test('asked twice at once it ends once, asked again it ends at once', async () => {
	const hold = await slowRequest();
	const begun = Date.now();
	process.kill(app.pid, 'SIGINT');
	process.kill(app.pid, 'SIGTERM');
	await app.ended();
	expect(app.output).not.toContain('ending at once');
	expect(Date.now() - begun).toBeLessThan(TEN_SECONDS);
	hold.end();
	await app.start();
	const postgres = join(app.workspace, 'postgres', 'data', 'postmaster.pid');
	const postmaster = Number(readFileSync(postgres, 'utf8').split('\n')[0]);
	process.kill(postmaster, 'SIGSTOP');
	try {
		process.kill(app.pid, 'SIGTERM');
		await new Promise((resolve) => setTimeout(resolve, 900));
		process.kill(app.pid, 'SIGTERM');
		await app.ended();
		expect(app.output).toContain('SIGTERM again: ending at once');
	} finally {
		process.kill(postmaster, 'SIGCONT');
	}
	await app.start();
	expect(
		readdirSync(join(app.workspace, 'sandboxes')).filter((name) => name.length === 36)
	).toEqual([]);
});
