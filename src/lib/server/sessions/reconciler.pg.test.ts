/** Ends that can't be made just now: they are put off with a word, and made when they can be. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { findRepo } from '#lib/server/db/repos.ts';
import { findSession } from '#lib/server/db/sessions.ts';
import { tempFolder } from '../../../../tests/support/git-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { createHub, type ListSignal } from './hub.ts';
import { Reconciler } from './reconciler.ts';
import type { SessionContext } from './session-context.ts';
import { SessionLog } from './session-log.ts';

let database: TestDatabase;
const folder = tempFolder('reconciler');
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(async () => {
	await database.close();
	folder.remove();
});

/** What a reconciler needs; the test says what its engine and its workspace are like. */
const makeContext = (more: object) => {
	const { db } = database;
	const hub = createHub();
	const log = new SessionLog({
		...{ db, hub, now: () => new Date(), queuePosition: () => null, onCommit: () => undefined }
	});
	const context = {
		...{ db, hub, log, workspaceRoot: folder.path, nowMs: () => performance.now() },
		logger: pino({ level: 'silent' }),
		findRepo: (id: never) => findRepo(db, id),
		workspaceProblem: () => Promise.resolve(null),
		door: { close: () => Promise.resolve() },
		drivers: () => [],
		acted: () => undefined,
		...more
	} as unknown as SessionContext;
	const signal = (is: (it: ListSignal) => boolean) =>
		new Promise<ListSignal>((resolve) => {
			const stop = hub.onList((heard) => {
				if (!is(heard)) return;
				stop();
				resolve(heard);
			});
		});
	return { context, log, signal };
};

it('concludes nothing while the workspace is away, and says why an end is not made', async () => {
	const { db } = database;
	const repoId = await insertTestRepo(db);
	const live = await insertTestSession(db, repoId, { runnerUp: true });
	const stopped = await insertTestSession(db, repoId, { desired: 'stopped', ending: 'stop' });
	let problem: WireError | null = wireError('workspace_gone', 'It is gone.');
	const { context, log, signal } = makeContext({
		workspaceProblem: () => Promise.resolve(problem)
	});
	const reconciler = new Reconciler(context);
	const rested = new Promise<void>(
		(resolve) => (reconciler.onRest = ({ id }) => id === live && resolve())
	);
	const said = signal((it) => it.type === 'session' && it.session.endingProblem !== null);
	const dead = signal((it) => it.type === 'session' && it.session.status === 'error');
	const done = signal((it) => it.type === 'session' && it.session.status === 'stopped');
	reconciler.wake(live);
	reconciler.wake(stopped);
	await rested;
	expect(await said).toMatchObject({ session: { endingProblem: { code: 'workspace_gone' } } });
	expect((await log.find(live))?.state.status).toBe('waiting');
	expect((await log.find(stopped))?.state.ending).toBe('stop');
	problem = null;
	reconciler.wake(live);
	expect(await dead).toMatchObject({ session: { id: live, exitCause: 'lost' } });
	expect(await done).toMatchObject({ session: { id: stopped, endingProblem: null } });
	await reconciler.stop();
});

it('puts a purge off while the engine is away, says why, and leaves nothing when it is back', async () => {
	const { db } = database;
	const sessionId = await insertTestSession(db, await insertTestRepo(db), {
		...{ status: 'stopped', waitingFor: null, desired: 'purged', ending: 'purge' },
		baseCommit: 'a'.repeat(40)
	});
	mkdirSync(join(folder.path, 'worktrees', sessionId), { recursive: true });
	let engine: Result<null, WireError> = fail(wireError('engine_unreachable', 'No engine.'));
	const removed: string[] = [];
	const { context, signal } = makeContext({
		git: {
			collect: () => Promise.resolve(engine),
			saveBranch: () => Promise.resolve(ok()),
			removeFolder: (path: string) => {
				removed.push(path);
				return Promise.resolve(ok());
			}
		}
	});
	const reconciler = new Reconciler(context);
	const said = signal((it) => it.type === 'session' && it.session.endingProblem !== null);
	const gone = signal(({ type }) => type === 'session_removed');
	reconciler.wake(sessionId);
	expect(await said).toMatchObject({
		session: { ending: 'purge', endingProblem: { code: 'engine_unreachable' } }
	});
	expect(removed).toEqual([]);
	engine = ok(null);
	await gone;
	expect(removed).toHaveLength(2);
	expect(await findSession(db, sessionId)).toBeNull();
	await reconciler.stop();
});
