/** Rules answer what waits: when it is asked, when they are made, and after a restart. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import { decide, type SessionCommand } from '#lib/domain/session-decisions.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { addRule, listRules, removeRule } from '#lib/server/db/permission-rules.ts';
import { readRunnerCommands } from '#lib/server/db/sessions.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { createHub } from './hub.ts';
import { RuleAnswers } from './rule-answers.ts';
import { SessionLog } from './session-log.ts';

let database: TestDatabase;
beforeAll(async () => (database = await testDatabase()));
afterAll(() => database.close());

/** As one process has them. `answered` resolves when the session has nothing pending any more. */
const makeManager = () => {
	const { db } = database;
	const failures: unknown[] = [];
	const answered = new Map<SessionId, () => void>();
	const log: SessionLog = new SessionLog({
		db,
		hub: createHub(),
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: ({ cell, before }) => {
			if (cell.state.pending.length === 0) answered.get(cell.id)?.();
			if (cell.state.pending !== before.pending) rules.look(cell.id);
		}
	});
	const rules = new RuleAnswers({
		...{ db, log, workspaceRoot: '/agent-manager', newId: randomUUID },
		onFailure: (_sessionId, cause) => failures.push(cause)
	});
	const ask = (sessionId: SessionId, command: SessionCommand) =>
		log.command(sessionId, (state) => decide(state, command), {
			id: randomUUID() as CommandId,
			requestHash: command.type
		});
	const untilAnswered = (sessionId: SessionId) =>
		new Promise<void>((resolve) => answered.set(sessionId, resolve));
	return { log, rules, ask, failures, untilAnswered };
};
type Manager = ReturnType<typeof makeManager>;

const inTurn = (repoId: string) =>
	insertTestSession(database.db, repoId, {
		...{ status: 'running', waitingFor: null, runnerUp: true, openTurn: 'm' },
		permissionMode: 'ask'
	});

const requests = (
	{ log }: Manager,
	sessionId: SessionId,
	toolName: string,
	input: JsonObject,
	n = 1
) =>
	log.ingest(sessionId, 1, [
		{
			...{ n, ts: new Date().toISOString(), source: 'runner', type: 'runner.approval_requested' },
			payload: {
				...{ requestId: `r${n}`, kind: 'approval', toolName, toolUseId: `t${n}`, input },
				...{ title: null, description: null, reason: null, agentId: null }
			}
		}
	]);
const commandsOf = async (sessionId: SessionId) =>
	(await readRunnerCommands(database.db, sessionId, 0)).map(({ command }) => command);
const rulesOf = async (repoId: string) =>
	(await listRules(database.db, repoId as RepoId)).map(({ rule }) => rule);

describe('a rule', () => {
	it('made for the repo with an answer answers what waits in its other sessions, and is kept once', async () => {
		const [repoId, otherRepo] = [
			await insertTestRepo(database.db),
			await insertTestRepo(database.db)
		];
		const manager = makeManager();
		const [one, two] = [await inTurn(repoId), await inTurn(repoId)];
		const elsewhere = await inTurn(otherRepo);
		await requests(manager, one, 'Bash', { command: 'npm test' });
		await requests(manager, two, 'Bash', { command: 'npm test -- x' });
		await requests(manager, elsewhere, 'Bash', { command: 'npm test' });
		const remember = { scope: 'repo' as const, rules: ['Bash(npm test:*)'] };
		const answer = { type: 'decide', requestId: 'r1', decision: 'allow' } as const;
		const body = {
			...answer,
			commandId: randomUUID(),
			message: null,
			updatedInput: null,
			remember
		};
		expect((await manager.ask(one, body)).ok).toBe(true);
		expect(await rulesOf(repoId)).toEqual(['Bash(npm test:*)']);

		const done = manager.untilAnswered(two);
		await manager.rules.lookAll(repoId as RepoId);
		await done;
		expect(await commandsOf(two)).toMatchObject([{ type: 'decide', decision: 'allow' }]);
		const events = await readForward(database.db, two, 0, 10);
		expect(events.at(-1)?.payload).toMatchObject({
			byRules: [{ scope: 'repo', rule: 'Bash(npm test:*)' }]
		});
		expect(await commandsOf(elsewhere)).toEqual([]);
		expect(manager.failures).toEqual([]);
	});

	it('is in no table when the answer that would make it is refused', async () => {
		const repoId = await insertTestRepo(database.db);
		const manager = makeManager();
		const sessionId = await inTurn(repoId);
		const remember = { scope: 'repo' as const, rules: ['Edit'] };
		const refused = await manager.ask(sessionId, {
			...{ type: 'decide', requestId: 'gone', decision: 'allow', commandId: randomUUID() },
			...{ message: null, updatedInput: null, remember }
		});
		expect(refused.ok || refused.error.code).toBe('decision_not_pending');
		expect(await rulesOf(repoId)).toEqual([]);
	});

	it('of the session answers what comes later, in another process too, and nothing once it is taken back', async () => {
		const repoId = await insertTestRepo(database.db);
		const sessionId = await inTurn(repoId);
		const before = makeManager();
		await before.ask(sessionId, { type: 'rules', add: ['Edit(src/**)'], remove: [] });
		const manager = makeManager();
		const done = manager.untilAnswered(sessionId);
		await requests(manager, sessionId, 'Edit', {
			file_path: `/agent-manager/worktrees/${sessionId}/src/a`
		});
		await done;
		expect(await commandsOf(sessionId)).toHaveLength(1);

		await manager.ask(sessionId, { type: 'rules', add: [], remove: ['Edit(src/**)'] });
		await requests(manager, sessionId, 'Edit', { file_path: 'src/a' }, 2);
		await manager.rules.idle();
		expect(await commandsOf(sessionId)).toHaveLength(1);
		expect((await manager.log.find(sessionId))?.state.pending).toHaveLength(1);
	});

	it('looks at the whole of what is asked, however long it is', async () => {
		const repoId = await insertTestRepo(database.db);
		const manager = makeManager();
		const sessionId = await inTurn(repoId);
		await addRule(database.db, repoId as RepoId, 'Edit', undefined);
		const done = manager.untilAnswered(sessionId);
		await requests(manager, sessionId, 'Write', { content: 'x'.repeat(400_000), file_path: 'a' });
		await done;
		expect(await commandsOf(sessionId)).toHaveLength(1);
	});

	it('that waits for a look is answered by the next process', async () => {
		const repoId = await insertTestRepo(database.db);
		const sessionId = await inTurn(repoId);
		await requests(makeManager(), sessionId, 'WebSearch', { query: 'x' });
		await addRule(database.db, repoId as RepoId, 'WebSearch', undefined);
		const manager = makeManager();
		const done = manager.untilAnswered(sessionId);
		manager.rules.look(sessionId);
		await done;
		expect(await commandsOf(sessionId)).toHaveLength(1);
	});
});

it('the rules of a repo are there once, keep their place when one is changed, and go with it', async () => {
	const repoId = (await insertTestRepo(database.db)) as RepoId;
	const { db } = database;
	for (const rule of ['Edit', 'WebSearch', 'Edit']) await addRule(db, repoId, rule, undefined);
	await addRule(db, repoId, 'Edit(src/**)', 'Edit');
	expect(await rulesOf(repoId)).toEqual(['Edit(src/**)', 'WebSearch']);
	await addRule(db, repoId, 'WebSearch', 'Edit(src/**)');
	await removeRule(db, repoId, 'gone');
	expect(await rulesOf(repoId)).toEqual(['WebSearch']);
});
