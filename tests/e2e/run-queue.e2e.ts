/** More sessions than may run: each is started or in line, in order, over a killed manager, and nothing stays. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import { TestApp, until } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { makeRepo, sandboxes } from '../support/lifecycle.ts';

const PLACES = 2;
const ASKED = 100;

let app: TestApp;
let repoId: string;
const repo = tempFolder('repo');

test.beforeAll(async () => {
	makeRepo(repo.path);
	const env = { SANDBOX_DRIVER: 'bubblewrap', MAX_RUNNING_SESSIONS: String(PLACES) };
	app = await new TestApp(env).start();
	repoId = (await app.addRepo(repo.path)).id;
});
test.afterAll(async () => {
	await app.remove();
	repo.remove();
});

const list = async (): Promise<Session[]> =>
	(await app.api('GET', `/api/repos/${repoId}/sessions`)).body.sessions as Session[];
const post = ({ id }: Session, command: string) =>
	app.api('POST', `/api/sessions/${id}/${command}`);
const inLine = (sessions: Session[]): Session[] =>
	sessions
		.filter(({ queuePosition }) => queuePosition !== null)
		.sort((a, b) => (a.queuePosition ?? 0) - (b.queuePosition ?? 0));
const positions = (sessions: Session[]): (number | null)[] =>
	inLine(sessions).map(({ queuePosition }) => queuePosition);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const untilNone = () =>
	until(
		async () => (await list()).length === 0 && sandboxes(app).length === 0,
		'nothing left',
		110_000
	);

test('a hundred starts at once: each is started or in line, none twice, and a purge leaves nothing', async () => {
	const prompt = '[[demo: text chunks=2000 interval=50]]';
	const asked = Array.from({ length: ASKED }, () => app.startSession(repoId, prompt));
	const ids = new Set((await Promise.all(asked)).map(({ id }) => id));
	expect(ids.size).toBe(ASKED);
	const full = await until(async () => {
		const now = await list();
		return now.filter(({ status }) => status === 'running').length === PLACES && now;
	}, 'every place taken');
	expect(full.length).toBe(ASKED);
	expect(positions(full)).toEqual(upTo(ASKED - PLACES));
	expect(sandboxes(app).length).toBe(PLACES);
	const before = inLine(full).map(({ id }) => id);

	await app.kill();
	await app.start();
	const again = await until(async () => {
		const now = await list();
		return positions(now).length === ASKED - PLACES && now;
	}, 'the line');
	expect(
		inLine(again).map(({ id }) => id),
		'the same line'
	).toEqual(before);
	expect(sandboxes(app).length).toBe(PLACES);

	const [first, second] = inLine(again);
	if (!first || !second) throw new Error('nobody is in line');
	expect((await post(second, 'stop')).status).toBe(202);
	await app.sessionWhere(second.id, ({ status }) => status === 'stopped', 'called off');
	expect(positions(await list())).toEqual(upTo(ASKED - PLACES - 1));
	const running = again.find(({ status }) => status === 'running');
	if (running) await post(running, 'interrupt');
	await app.sessionWhere(first.id, ({ queuePosition }) => queuePosition === null, 'its turn');
	await app.sessionWhere(first.id, ({ status }) => status === 'running', 'at work');

	await Promise.all((await list()).map((session) => post(session, 'purge')));
	await untilNone();
	for (const folder of ['worktrees', 'sessions']) {
		expect(readdirSync(join(app.workspace, folder)), folder).toEqual([]);
	}
});

test('who sleeps, and who was stopped, waits in the same line to come back', async () => {
	const rests = async (text: string): Promise<Session> => {
		const session = await app.startSession(repoId, `[[demo: text text="${text}"]]`);
		return app.sessionWhere(session.id, ({ waitingFor }) => waitingFor === 'input', 'rest');
	};
	const [sleeper, stopped] = [await rests('a'), await rests('b')];
	await post(sleeper, 'sleep');
	await app.sessionWhere(sleeper.id, ({ asleep }) => asleep, 'sleep');
	await post(stopped, 'stop');
	await app.sessionWhere(stopped.id, ({ status }) => status === 'stopped', 'stopped');
	const busy = await Promise.all(
		upTo(PLACES).map(() => app.startSession(repoId, '[[demo: text chunks=2000 interval=50]]'))
	);
	for (const { id } of busy) {
		await app.sessionWhere(id, ({ status }) => status === 'running', 'at work');
	}
	await app.api('POST', `/api/sessions/${sleeper.id}/messages`, {
		message: '[[demo: text text="awake"]]'
	});
	await post(stopped, 'resume');
	expect(inLine(await list()).map(({ id }) => id)).toEqual([sleeper.id, stopped.id]);
	for (const session of busy) await post(session, 'interrupt');
	await app.sessionWhere(sleeper.id, ({ turns }) => turns === 2, 'woken');
	await app.sessionWhere(stopped.id, ({ waitingFor }) => waitingFor === 'input', 'resumed');
	await Promise.all((await list()).map((session) => post(session, 'purge')));
	await untilNone();
});
