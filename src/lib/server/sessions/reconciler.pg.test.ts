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

it('puts a purge off while the engine is away, says why, and leaves nothing when it is back', async () => {
	const { db } = database;
	const sessionId = await insertTestSession(db, await insertTestRepo(db), {
		...{ status: 'stopped', waitingFor: null, desired: 'purged', ending: 'purge' },
		baseCommit: 'a'.repeat(40)
	});
	mkdirSync(join(folder.path, 'worktrees', sessionId), { recursive: true });
	const hub = createHub();
	const log = new SessionLog({
		...{ db, hub, now: () => new Date(), queuePosition: () => null, onCommit: () => undefined }
	});
	let engine: Result<null, WireError> = fail(wireError('engine_unreachable', 'No engine.'));
	const removed: string[] = [];
	const context = {
		...{ db, hub, log, workspaceRoot: folder.path, nowMs: () => performance.now() },
		logger: pino({ level: 'silent' }),
		findRepo: (id: never) => findRepo(db, id),
		door: { close: () => Promise.resolve() },
		drivers: () => [],
		acted: () => undefined,
		git: {
			collect: () => Promise.resolve(engine),
			saveBranch: () => Promise.resolve(ok()),
			removeFolder: (path: string) => {
				removed.push(path);
				return Promise.resolve(ok());
			}
		}
	} as unknown as SessionContext;
	const reconciler = new Reconciler(context);
	const signal = (is: (it: ListSignal) => boolean) =>
		new Promise<ListSignal>((resolve) => {
			const stop = hub.onList((heard) => {
				if (!is(heard)) return;
				stop();
				resolve(heard);
			});
		});
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
