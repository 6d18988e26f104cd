import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { startSessionSchema } from '@agent-manager/protocol/requests.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { findRepo, insertRepo } from '#lib/server/db/repos.ts';
import { events as table } from '#lib/server/db/schema.ts';
import { findSession, listSessions } from '#lib/server/db/sessions.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { LogWriter } from '../../../../tests/support/transcript-events.ts';
import { createHub } from './hub.ts';
import { SessionCreation } from './session-creation.ts';
import { SessionLog } from './session-log.ts';
import { SessionService } from './session-service.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

let repoId: RepoId;
let service: SessionService;
let sourceId: SessionId;

/** A session whose row stands at the log's beginning, and a log of three turns behind it. */
const log = new LogWriter();
log.created();
log.accepted('one', 'First');
log.manager('worktree.created', { baseCommit: 'base', baseAgeSeconds: null });
log.turnStarted('one');
const said = log.text('m1', 'One.');
const first = log.turnEnded('one');
log.manager('commits.collected', { head: 'c1', commitCount: 1, fastForward: true });
log.runner('runner.checkpointed', { commit: 'k1', leftOut: 0, durationMs: 1 });
log.manager('session.settled');
const begun = log.turnStarted('two');
log.calls('m2', 'sub', 'Agent', { prompt: 'x' });
log.text('m3', 'Within a sub-agent', 'sub');
const answered = log.result('sub', 'done');
const second = log.turnEnded('two');
log.runner('runner.checkpointed', { commit: 'k2', leftOut: 0, durationMs: 1 });
const rewind = { kind: 'rewind', atSeq: begun.seq, checkpoint: 'k1' };
log.manager('git.requested', { commandId: 'r', request: rewind });
log.manager('commits.collected', { head: 'base', commitCount: 0, fastForward: false });
log.runner('runner.checkpointed', { commit: 'k1', leftOut: 0, durationMs: 1 });
log.turnStarted('three');
const third = log.turnEnded('three');

beforeEach(async () => {
	const { db } = database;
	repoId = randomUUID() as RepoId;
	await insertRepo(db, {
		...{ id: repoId, kind: 'local', identity: `local:/${repoId}`, owner: 'local', name: 'a' },
		...{ url: '/a', mirrorPath: `repos/local/${repoId}.git`, status: 'ready' },
		defaultBranch: 'main'
	});
	const creation = new SessionCreation({
		db,
		now: () => new Date(),
		newId: randomUUID,
		findRepo: (id) => findRepo(db, id),
		hasBaseBranch: () => Promise.resolve(true),
		isBranchFree: () => Promise.resolve(true),
		hasSessionBranch: () => Promise.resolve(true),
		onCreated: () => undefined
	});
	const sessionLog = new SessionLog({
		db,
		hub: createHub(),
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: () => undefined
	});
	service = new SessionService({
		...{ db, log: sessionLog, creation, changes: null as never },
		newId: randomUUID
	});
	const request = startSessionSchema.parse({ goalPrompt: 'First', model: 'sonnet' });
	const started = await service.start(repoId, request);
	if (!started.ok) throw new Error(started.error.message);
	sourceId = (started.value.session as { id: string }).id as SessionId;
	const rows = log.events
		.slice(3)
		.map((event: SessionEvent) => ({ ...event, sessionId: sourceId, ts: new Date(event.ts) }));
	await db.insert(table).values(rows);
});

const fork = (atSeq: number, key?: string, message = 'Now that') =>
	service.fork(sourceId, { atSeq, message }, key as CommandId | undefined);

const forkedRow = async (atSeq: number) => {
	const forked = await fork(atSeq);
	if (!forked.ok) throw new Error(forked.error.message);
	return findSession(database.db, (forked.value.session as { id: string }).id as SessionId);
};

describe('a fork', () => {
	it('goes on from the newest turn that had ended, with what came in before the next', async () => {
		const source = await findSession(database.db, sourceId);
		const row = await forkedRow(begun.seq);
		expect(row?.fork).toEqual({
			sessionId: sourceId,
			seq: first.seq,
			commit: 'c1',
			checkpoint: 'k1',
			baseCommit: 'base',
			conversationId: source?.conversationId,
			messageIds: [said.payload.uuid]
		});
		expect(row).toMatchObject({ baseBranch: 'main', model: 'sonnet', role: 'implementer' });
		expect(row?.branchName).not.toBe(source?.branchName);
		const [created] = await readForward(database.db, row?.id as SessionId, 0, 1);
		expect(created?.payload.forkedFrom).toEqual({ sessionId: sourceId, seq: first.seq });
	});

	it('names the last messages of the main conversation, not those of its sub-agents', async () => {
		const row = await forkedRow(second.seq);
		expect(row?.fork).toMatchObject({ seq: second.seq, commit: 'c1' });
		const [newest, , last] = row?.fork?.messageIds ?? [];
		expect(newest).toBe(answered.payload.uuid);
		expect(last).toBe(said.payload.uuid);
	});

	it('has the files as that turn left them, also when they were put back since, or not at all', async () => {
		const rewound = await forkedRow(second.seq);
		expect(rewound?.fork).toMatchObject({ commit: 'c1', checkpoint: 'k2' });
		expect((await forkedRow(third.seq))?.fork).toMatchObject({ seq: third.seq, checkpoint: null });
	});

	it('is one, however often the same is asked for', async () => {
		const key = randomUUID();
		const answers = await Promise.all(Array.from({ length: 5 }, () => fork(second.seq, key)));
		expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
		expect(await listSessions(database.db, { repoId })).toHaveLength(2);
		expect(await fork(second.seq, key, 'Other')).toMatchObject({
			error: { code: 'idempotency_conflict' }
		});
	});

	it('is refused where there is nothing to go on from', async () => {
		expect(await fork(first.seq - 1)).toMatchObject({ error: { code: 'nothing_to_do' } });
		const nobody = randomUUID() as SessionId;
		expect(await service.fork(nobody, { atSeq: 1, message: 'x' })).toMatchObject({
			error: { code: 'session_not_found' }
		});
	});
});
