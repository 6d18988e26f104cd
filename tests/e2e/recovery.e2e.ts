/** What kills, freezes or takes away parts of a session under the running app: said in words, and mended. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { ExitCause, Session } from '../../packages/protocol/src/session.ts';
import { EXIT_CAUSE_WORDS } from '../../src/lib/domain/exit-causes.ts';
import { type TestApp, until } from '../support/app.ts';
import { useAppWithRepo } from '../support/app-with-repo.ts';
import { gitIn } from '../support/git-fixture.ts';
import {
	atRest,
	initPid,
	processesIn,
	untilSandboxesFit,
	violations
} from '../support/lifecycle.ts';

test.describe.configure({ timeout: 300_000 });

let app: TestApp;
let repoId: string;
useAppWithRepo((it) => ({ app, repoId } = it));

const post = (session: Session, command: string, body?: object) =>
	app.api('POST', `/api/sessions/${session.id}/${command}`, body);
const say = (session: Session, message: string) => post(session, 'messages', { message });
const where = (session: Session, is: (now: Session) => boolean, what: string) =>
	app.sessionWhere(session.id, is, what);
const typesOf = async (session: Session) => (await app.events(session.id)).map(({ type }) => type);
/** A short program of the agent's may end between the look and the signal. */
const killAll = (pids: number[], signal: NodeJS.Signals): void => {
	for (const pid of pids) {
		try {
			process.kill(pid, signal);
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
		}
	}
};
const runnerOf = (session: Session): number[] =>
	processesIn(app, session.id, /agent-ws-client/).filter((pid) => pid !== initPid(app, session.id));
const worktreeOf = ({ id }: Session): string => join(app.workspace, 'worktrees', id);

/** One that has answered once and waits. */
const rested = async (prompt = '[[demo: text text="here"]]'): Promise<Session> => {
	const session = await app.startSession(repoId, prompt);
	return where(session, atRest, 'rest');
};

/** It goes on with its conversation in a fresh sandbox, and its log is whole. */
const goesOn = async (session: Session): Promise<void> => {
	const { turns } = await app.session(session.id);
	expect((await say(session, '[[demo: text text="on"]]')).status).toBe(202);
	await where(session, (now) => atRest(now) && now.turns > turns, 'the next turn');
	expect(violations(await app.events(session.id))).toEqual([]);
	await untilSandboxesFit(app, repoId);
};

const deaths: [string, ExitCause, (session: Session) => void][] = [
	['the runner is killed', 'runner', (session) => killAll(runnerOf(session), 'SIGKILL')],
	['the agent is killed', 'agent', ({ id }) => killAll(processesIn(app, id, /claude /), 'SIGKILL')],
	['the sandbox is killed', 'killed', ({ id }) => process.kill(initPid(app, id), 'SIGKILL')],
	[
		'the sandbox is told to stop',
		'killed',
		(session) => process.kill(initPid(app, session.id), 'SIGTERM')
	]
];
for (const [how, cause, kill] of deaths) {
	test(`${how}: told rightly in time`, async () => {
		for (const isBusy of [false, true]) {
			const session = await rested();
			if (isBusy) {
				await say(session, '[[demo: text chunks=500 interval=20]]');
				await where(session, ({ turns }) => turns === 2, 'a turn');
			}
			kill(session);
			const begun = Date.now();
			const dead = await where(session, ({ status }) => status === 'error', 'the error');
			expect(Date.now() - begun).toBeLessThan(5_000);
			expect(dead.exitCause).toBe(cause);
			expect(dead.error?.message).toContain(EXIT_CAUSE_WORDS[cause].title);
			const exit = (await app.events(session.id)).find(({ type }) => type === 'sandbox.exited');
			expect(exit?.payload).toMatchObject({ cause, expected: false });
			expect((await post(session, 'resume')).status).toBe(202);
			await where(session, (now) => atRest(now) && now.exitCause === null, 'back');
			await goesOn(session);
			await post(session, 'purge');
		}
	});
}

test('a process that takes too much memory is not the death that comes later, and is one in time', async () => {
	const session = await rested();
	test.skip(!session.limited, 'this machine does not limit sandboxes');
	const hog = "node -e 'const all = []; for (;;) all.push(Buffer.alloc(64 << 20, 1))'";
	await say(session, `[[demo: tools bash="${hog}"]]`);
	await where(session, (now) => atRest(now) && now.turns === 2, 'the turn with the hog');
	await new Promise((resolve) => setTimeout(resolve, 9_000));
	killAll(runnerOf(session), 'SIGKILL');
	const dead = await where(session, ({ status }) => status === 'error', 'the error');
	expect(dead.exitCause).toBe('runner');
	await post(session, 'purge');
});

test('a frozen sandbox is named within 45 s, cleared by its next word, or given up for a fresh one', async () => {
	const session = await rested();
	const freeze = async (signal: NodeJS.Signals, pids: number[]): Promise<Session> => {
		killAll(pids, signal);
		const begun = Date.now();
		const frozen = await where(session, ({ unresponsive }) => unresponsive !== null, 'its name');
		expect(Date.now() - begun).toBeLessThan(45_000);
		expect(frozen.status).toBe('waiting');
		return frozen;
	};
	const all = processesIn(app, session.id, /./);
	expect((await freeze('SIGSTOP', all)).unresponsive?.silence).toBe('paused');
	expect((await say(session, '[[demo: text text="thawed"]]')).status).toBe(202);
	killAll(all, 'SIGCONT');
	await where(session, (now) => now.unresponsive === null, 'cleared');
	await where(session, (now) => atRest(now) && now.turns === 2, 'what was asked meanwhile');

	const runner = runnerOf(session);
	expect((await freeze('SIGSTOP', runner)).unresponsive?.silence).toBe('unanswered');
	const before = initPid(app, session.id);
	expect((await post(session, 'resume')).status).toBe(202);
	await where(session, (now) => atRest(now) && now.unresponsive === null, 'restarted');
	expect(initPid(app, session.id)).not.toBe(before);
	await goesOn(session);
	expect((await typesOf(session)).filter((type) => /answer/.test(type))).toEqual([
		'session.stopped_answering',
		'session.answered_again',
		'session.stopped_answering'
	]);
	await post(session, 'purge');
});

test('a worktree that is taken away is said, and made anew from what had come in', async () => {
	const session = await rested(
		'[[demo: write path=kept.txt content=x]] [[demo: commit message="Keep"]]'
	);
	const { headCommit } = await where(session, (now) => now.commitCount === 1, 'the commit');
	writeFileSync(join(worktreeOf(session), 'lost.txt'), 'x');
	rmSync(worktreeOf(session), { recursive: true });
	const lost = await where(session, ({ status }) => status === 'error', 'the error');
	expect(lost.error).toMatchObject({ code: 'session_files_lost', details: { what: 'worktree' } });
	await post(session, 'resume');
	await where(session, atRest, 'back');
	expect(existsSync(join(worktreeOf(session), 'kept.txt'))).toBe(true);
	const restored = (await app.events(session.id)).find(({ type }) => type === 'worktree.restored');
	expect(restored?.payload).toEqual({ commit: headCommit });
	await goesOn(session);
	await post(session, 'purge');
});

test('a session folder that is taken away is said, and nothing is done twice after it', async () => {
	const session = await rested('[[demo: tools bash="echo once >> times"]]');
	rmSync(join(app.workspace, 'sessions', session.id), { recursive: true });
	const lost = await where(session, ({ status }) => status === 'error', 'the error');
	expect(lost.error).toMatchObject({ details: { what: 'session folder' } });
	await post(session, 'resume');
	await where(session, atRest, 'back');
	await goesOn(session);
	expect(await typesOf(session)).toContain('conversation.lost');
	expect(readFileSync(join(worktreeOf(session), 'times'), 'utf8')).toBe('once\n');
	await post(session, 'purge');
});

test('a mirror that is taken away is cloned again and gets back what worktrees have', async () => {
	const session = await rested('[[demo: write path=a.txt content=x]] [[demo: commit message="A"]]');
	const { headCommit, branchName } = await where(session, (now) => now.commitCount === 1, 'it');
	const folder = join(app.workspace, 'repos', 'local');
	const mirror = join(folder, readdirSync(folder)[0] ?? '');
	rmSync(mirror, { recursive: true });
	await until(async () => {
		if (!existsSync(join(mirror, 'objects'))) return false;
		const refs = gitIn(mirror, 'for-each-ref', '--format=%(objectname) %(refname)');
		return refs.includes(`${headCommit} refs/heads/${branchName}`);
	}, 'the branch in the new mirror');
	await where(session, ({ asleep }) => asleep, 'the old sandbox put away');
	await goesOn(session);
	await post(session, 'purge');
});

test('a workspace that is moved away and back costs nothing: no agent ends, no request is lost', async () => {
	const { pid } = app;
	const idle = await rested();
	const busy = await app.startSession(repoId, '[[demo: text chunks=600 interval=100]]');
	const asking = await app.startSession(repoId, '[[demo: write path=asked.txt content=x]]', {
		permissionMode: 'ask'
	});
	await where(busy, ({ status }) => status === 'running', 'the turn');
	await where(asking, ({ waitingFor }) => waitingFor === 'approval', 'the request');
	const all = [idle, busy, asking];
	const before = all.map(({ id }) => initPid(app, id));

	renameSync(app.workspace, `${app.workspace}-away`);
	const token = readFileSync(join(`${app.workspace}-away`, 'token'), 'utf8').trim();
	const found = await until(async () => {
		const headers = { authorization: `Bearer ${token}` };
		const answer = await fetch(`${app.origin}/api/health`, { headers });
		const { components } = (await answer.json()) as {
			components: { name: string; state: string; found: string }[];
		};
		return components.find(({ name, state }) => name === 'disk' && state === 'fail');
	}, 'the health page to say so');
	expect(found.found).toBe(`The workspace ${app.workspace} is gone.`);
	expect(existsSync(app.workspace), 'nothing made in its place').toBe(false);
	renameSync(`${app.workspace}-away`, app.workspace);

	await until(async () => (await app.api('GET', '/api/health')).status === 200, 'all well again');
	const [request] = (await app.session(asking.id)).pending;
	expect(
		(await post(asking, 'decide', { requestId: request?.requestId, decision: 'allow' })).status
	).toBe(202);
	await where(asking, atRest, 'the turn that was asked for');
	expect(existsSync(join(worktreeOf(asking), 'asked.txt'))).toBe(true);
	expect((await post(busy, 'interrupt')).status).toBe(202);
	await where(busy, atRest, 'the end of the turn');
	expect(all.map(({ id }) => initPid(app, id))).toEqual(before);
	expect(app.pid).toBe(pid);
	for (const session of all) {
		expect((await typesOf(session)).filter((type) => type === 'sandbox.exited')).toEqual([]);
		await goesOn(session);
		await post(session, 'purge');
	}
});

test('a door, an instance, a secret and a token that are taken away are there again', async () => {
	const session = await rested();
	const door = join(app.workspace, 'sessions', session.id, 'door', 'door.sock');
	const files = ['instance', 'secret', 'token'].map((name) => join(app.workspace, name));
	const before = files.map((path) => readFileSync(path, 'utf8'));
	for (const path of [door, ...files]) rmSync(path);
	await until(async () => [door, ...files].every(existsSync), 'all four');
	expect(files.map((path) => readFileSync(path, 'utf8'))).toEqual(before);
	await goesOn(session);
	await app.kill();
	await app.start();
	await goesOn(session);
	await post(session, 'purge');
});

test('deleting twice, early and in the middle of a start leaves nothing', async () => {
	const remove = (session: Session) => app.api('DELETE', `/api/sessions/${session.id}?purge=true`);
	for (const delayMs of [0, 30, 120, 400]) {
		const session = await app.startSession(repoId, '[[demo: text text="x"]]');
		await new Promise((resolve) => setTimeout(resolve, delayMs));
		const answers = await Promise.all([remove(session), remove(session)]);
		for (const { status } of answers) expect([200, 202, 404]).toContain(status);
		await until(
			async () => (await app.api('GET', `/api/sessions/${session.id}`)).status === 404,
			'gone'
		);
		expect((await remove(session)).status).toBe(404);
		for (const name of ['worktrees', 'sessions', 'sandboxes']) {
			expect(existsSync(join(app.workspace, name, session.id)), name).toBe(false);
		}
	}
	await untilSandboxesFit(app, repoId);
});

test('after a power cut everything is adopted or honestly marked, and nothing of it is gone', async () => {
	const idle = await rested();
	const busy = await app.startSession(
		repoId,
		'[[demo: write path=open.txt content=x]] [[demo: text chunks=900 interval=20]]'
	);
	await until(async () => existsSync(join(worktreeOf(busy), 'open.txt')), 'the file');
	const before = await Promise.all([idle, busy].map(({ id }) => app.events(id)));
	const postmaster = Number(
		readFileSync(join(app.workspace, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]
	);
	const shims = [idle, busy].map(({ id }) =>
		Number(readFileSync(join(app.workspace, 'sandboxes', id, 'shim'), 'utf8').split(' ')[0])
	);
	const inits = [idle, busy].map(({ id }) => initPid(app, id));
	const dead = app.kill();
	killAll([...shims, ...inits, postmaster], 'SIGKILL');
	await dead;
	await app.start();
	for (const [index, session] of [idle, busy].entries()) {
		const now = await where(session, ({ status }) => status === 'error', 'marked');
		expect(now.exitCause).toBe('lost');
		const events = await app.events(session.id);
		expect(events.slice(0, before[index]?.length)).toEqual(before[index]);
		expect(violations(events)).toEqual([]);
		expect((await post(session, 'resume')).status).toBe(202);
	}
	expect(existsSync(join(worktreeOf(busy), 'open.txt'))).toBe(true);
	await goesOn(idle);
	await post(idle, 'purge');
	await post(busy, 'purge');
});

test('a database whose folder is taken away is said, and the app lives on', async () => {
	const { pid } = app;
	const data = join(app.workspace, 'postgres', 'data');
	// At once: the server that runs would write into it again and again.
	renameSync(data, `${data}-gone`);
	rmSync(`${data}-gone`, { recursive: true });
	const answer = await until(async () => {
		const { status, body } = await app.api('GET', '/api/repos');
		return status === 503 && /is gone/.test(body.error.message) ? body.error : null;
	}, 'the words');
	expect(answer.code).toBe('database_unreachable');
	expect(answer.hint).toContain('backup');
	const shown = await until(async () => {
		const { body } = await app.api('GET', '/api/health');
		const { components } = body as { components: { name: string; state: string }[] };
		return components.find(({ name, state }) => name === 'database' && state === 'fail');
	}, 'the database’s failure among the components');
	expect(shown).toMatchObject({ found: answer.message, advice: answer.hint });
	expect(existsSync(data), 'no empty one in its place').toBe(false);
	expect(app.pid).toBe(pid);
});
