import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { startSessionSchema } from '@agent-manager/protocol/requests.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { findRepo, insertRepo } from '#lib/server/db/repos.ts';
import { listSessions, readRunnerCommands, type SessionRow } from '#lib/server/db/sessions.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { createHub } from './hub.ts';
import { AttachmentService } from './attachment-service.ts';
import { SessionCreation, titleOf } from './session-creation.ts';
import { SessionLog } from './session-log.ts';
import type { SessionChanges } from './session-changes.ts';
import { SessionService } from './session-service.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

const makeRepo = async (more: object = {}): Promise<RepoId> => {
	const id = randomUUID() as RepoId;
	await insertRepo(database.db, {
		id,
		kind: 'local',
		identity: `local:/${id}`,
		owner: 'local',
		name: 'a',
		url: '/a',
		mirrorPath: `repos/local/${id}.git`,
		status: 'ready',
		defaultBranch: 'main',
		...more
	});
	return id;
};

const makeCreation = (taken: readonly string[] = []) => {
	const created: SessionRow[] = [];
	const creation = new SessionCreation({
		db: database.db,
		now: () => new Date(),
		newId: randomUUID,
		findRepo: (id) => findRepo(database.db, id),
		hasBaseBranch: (_repo, branch) => Promise.resolve(branch === 'main'),
		isBranchFree: (_repo, branchName) => Promise.resolve(!taken.includes(branchName)),
		hasSessionBranch: (_repo, branch) => Promise.resolve(branch === 'agent/has-commits'),
		onCreated: (row) => created.push(row)
	});
	const create = (repoId: RepoId, body: object = {}, key: string = randomUUID()) => {
		const request = startSessionSchema.parse({ goalPrompt: 'Do it', ...body });
		const requestHash = JSON.stringify(request);
		return creation.create(repoId, request, { id: key as CommandId, requestHash });
	};
	const code = async (...args: Parameters<typeof create>): Promise<string | null> => {
		const result = await create(...args);
		return result.ok ? null : result.error.code;
	};
	return { creation, create, code, created };
};

describe('a new session', () => {
	it('has its row, its first events and its first message at once', async () => {
		const repoId = await makeRepo();
		const { create, created } = makeCreation();
		const key = randomUUID();
		expect(await create(repoId, { goalPrompt: '\n  Fix\tit \nplease' }, key)).toMatchObject({
			ok: true,
			value: { commandId: key, session: { status: 'starting', title: 'Fix it', head: 3 } }
		});
		const [row] = created;
		expect(row).toMatchObject({ epoch: 1, lastSeq: 3, lastCommand: 0, baseBranch: 'main' });
		const id = row?.id as SessionId;
		const events = await readForward(database.db, id, 0, 10);
		expect(events.map(({ type }) => type)).toEqual([
			'session.created',
			'message.accepted',
			'session.start_requested'
		]);
		expect(events[1]?.payload).toMatchObject({ text: '\n  Fix\tit \nplease' });
		const { commandId } = events[1]?.payload ?? {};
		expect(row?.state.queued).toEqual([{ commandId, from: 'person', seq: 2, handedOver: false }]);
		expect(await readRunnerCommands(database.db, id, 0), 'there is no runner yet').toEqual([]);
	});

	it.each([
		['with a name of ours', {}],
		['with a chosen branch', { branchSuffix: 'chosen' }],
		['of the role that there is one of', { role: 'orchestrator' }]
	])('is one for twenty equal requests at once, %s', async (_name, body) => {
		const repoId = await makeRepo();
		const { create } = makeCreation();
		const key = randomUUID();
		const answers = await Promise.all(Array.from({ length: 20 }, () => create(repoId, body, key)));
		expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
		expect(answers[0]?.ok).toBe(true);
		expect(await listSessions(database.db, { repoId })).toHaveLength(1);
	});

	it('gets what was attached to its prompt, once', async () => {
		const repoId = await makeRepo();
		const { create, code, created } = makeCreation();
		const attachments = new AttachmentService(database.db);
		const [first, second, other] = [randomUUID(), randomUUID(), randomUUID()];
		const keep = (owner: RepoId, id: string) =>
			attachments.add({ kind: 'repo', id: owner }, id, `${id}.txt`, Buffer.from(id));
		await keep(repoId, first);
		await keep(repoId, second);
		await keep(await makeRepo(), other);
		const key = randomUUID();
		const body = { attachments: [second, first] };
		expect(await code(repoId, { attachments: [first, other] }), 'another repo’s').toBe('not_found');
		const answer = await create(repoId, body, key);
		expect(answer.ok).toBe(true);
		const id = created[0]?.id as SessionId;
		const events = await readForward(database.db, id, 0, 10);
		expect(events[1]?.payload.attachments).toMatchObject([{ id: second }, { id: first }]);
		expect(created[0]?.state.queued[0]?.attachments).toHaveLength(2);
		const own = await attachments.read({ kind: 'session', id }, first);
		expect(own.ok && own.value.body.toString()).toBe(first);
		expect((await attachments.read({ kind: 'repo', id: repoId }, first)).ok).toBe(false);
		expect(await create(repoId, body, key), 'asked for again').toEqual(answer);
		expect(await code(repoId, body), 'another session').toBe('not_found');
	});

	it('leaves what is attached where it is when it is refused', async () => {
		const repoId = await makeRepo();
		const { code } = makeCreation(['agent/taken']);
		const attachments = new AttachmentService(database.db);
		const id = randomUUID();
		const owner = { kind: 'repo', id: repoId } as const;
		await attachments.add(owner, id, 'a.txt', Buffer.from('a'));
		expect(await code(repoId, { attachments: [id], branchSuffix: 'taken' })).toBe('branch_exists');
		expect((await attachments.read(owner, id)).ok).toBe(true);
	});

	it('is refused for what is taken, missing or another request', async () => {
		const repoId = await makeRepo();
		const { create, code } = makeCreation(['agent/in-the-mirror']);
		const key = randomUUID();
		await create(repoId, { branchSuffix: 'one' }, key);
		expect(await code(repoId, { branchSuffix: 'two' }, key)).toBe('idempotency_conflict');
		expect(await code(repoId, { branchSuffix: 'one' })).toBe('branch_exists');
		expect(await code(repoId, { branchSuffix: 'in-the-mirror' })).toBe('branch_exists');
		expect(await code(repoId, { baseBranch: 'gone' })).toBe('base_branch_not_found');
		expect(await code(repoId, { baseBranch: '-x' })).toBe('branch_invalid');
		expect(await code(repoId, { branchSuffix: 'a..b' })).toBe('branch_invalid');
		expect(await code(randomUUID() as RepoId)).toBe('repo_not_found');
		await create(repoId, { role: 'orchestrator' });
		expect(await code(repoId, { role: 'orchestrator' })).toBe('orchestrator_exists');
		const atOnce = await makeRepo();
		const both = await Promise.all([1, 2, 3].map(() => create(atOnce, { role: 'orchestrator' })));
		const ids = both.flatMap((it) => (it.ok ? [it.value.session] : []));
		expect(ids, 'of three at once').toHaveLength(1);
		for (const it of both) {
			if (it.ok) continue;
			const { id } = ids[0] as { id: string };
			expect(it.error).toMatchObject({ code: 'orchestrator_exists', details: { sessionId: id } });
		}
		expect(await code(await makeRepo({ status: 'cloning' }))).toBe('repo_not_ready');
		expect(await code(await makeRepo({ defaultBranch: null }))).toBe('repo_empty');
	});
});

describe('texts that PostgreSQL can’t hold', () => {
	it('are kept in a form that it can', async () => {
		const repoId = await makeRepo();
		const { creation, created } = makeCreation();
		const { db } = database;
		const log = new SessionLog({
			db,
			hub: createHub(),
			now: () => new Date(),
			queuePosition: () => null,
			onCommit: () => {}
		});
		const changes = null as unknown as SessionChanges;
		const service = new SessionService({ db, log, creation, changes, newId: randomUUID });
		const odd = 'a\u0000b \ud800 c';
		const request = startSessionSchema.parse({ goalPrompt: odd, additionalInstructions: odd });
		expect((await service.start(repoId, request)).ok).toBe(true);
		const row = created[0];
		expect(row?.goalPrompt).toBe('a\u2400b \ufffd c');
		const id = row?.id as SessionId;
		expect((await service.sendMessage(id, { message: odd }, 'person')).ok).toBe(true);
		const events = await readForward(db, id, 0, 10);
		expect(events.flatMap(({ payload }) => ('text' in payload ? [payload.text] : []))).toEqual([
			'a\u2400b \ufffd c',
			'a\u2400b \ufffd c'
		]);
		let deep: Record<string, unknown> = {};
		for (let i = 0; i < 50_000; i++) deep = { deep };
		const answer = { requestId: 'r', decision: 'allow' as const, updatedInput: deep };
		expect(await service.decide(id, answer)).toMatchObject({ error: { code: 'bad_request' } });
	});
});

describe('titleOf', () => {
	it.each([
		['one line', 'one line'],
		['\n\n second \n third', 'second'],
		['   ', ''],
		['word '.repeat(40), `${'word '.repeat(16).trim()}…`],
		['x'.repeat(100), `${'x'.repeat(80)}…`],
		[`x${'😀'.repeat(50)}`, `x${'😀'.repeat(39)}…`]
	])('%j', (prompt, title) => {
		expect(titleOf(prompt)).toBe(title);
	});
});
