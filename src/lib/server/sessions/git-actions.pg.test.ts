/** Git actions over the death of the manager: each ends once, as done or as failed with a word why. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { CommandId, SessionId } from '@agent-manager/protocol/ids.ts';
import { decide } from '#lib/domain/session-decisions.ts';
import { ok } from '#lib/domain/result.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { findRepo } from '#lib/server/db/repos.ts';
import { createLogger } from '#lib/server/logger.ts';
import { tempFolder } from '../../../../tests/support/git-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { GitActions } from './git-actions.ts';
import { createHub } from './hub.ts';
import { SessionLog } from './session-log.ts';
import { sessionPaths } from './session-paths.ts';

const workspace = tempFolder('git-actions');
const HEAD = 'a'.repeat(40);
const NEXT = 'b'.repeat(40);
/** How the script says that there is nothing to commit. */
const NOTHING = 12;

let database: TestDatabase;
let repoId: string;
beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(async () => {
	await database.close();
	workspace.remove();
});

interface Ran {
	exitCode: number;
	stderr?: string;
}

/** What one process has; git is what the test says. `collected`: where the branch is found to be. */
const makeManager = (
	run: () => Promise<Ran>,
	{ collected = HEAD, push = () => Promise.resolve() } = {}
) => {
	const { db } = database;
	const log = new SessionLog({
		...{ db, hub: createHub(), now: () => new Date(), queuePosition: () => null },
		onCommit: () => undefined
	});
	const git = {
		runInWorktree: async () => ok({ output: '', stderr: '', isCut: false, ...(await run()) }),
		push: async () => {
			await push();
			return ok();
		}
	};
	let onActed = (): void => undefined;
	const acted = new Promise<void>((resolve) => (onActed = resolve));
	const actions = new GitActions({
		context: {
			...{ log, git, workspaceRoot: workspace.path, acted: () => onActed() },
			logger: createLogger({ level: 'silent', pretty: false }),
			gitIdentity: { name: 'Claude', email: 'noreply@anthropic.com' },
			findRepo: (id: Parameters<typeof findRepo>[1]) => findRepo(db, id)
		} as never,
		isAtRest: () => true,
		collect: async ({ id }) => {
			const facts = { head: collected, commitCount: 1, fastForward: true };
			await log.record(id, ({ headCommit }) =>
				headCommit === collected ? [] : [{ type: 'commits.collected', payload: facts }]
			);
			return null;
		}
	});
	const look = async (id: SessionId): Promise<void> => actions.look((await log.find(id))!);
	return { log, look, acted };
};

const never = (): Promise<never> => new Promise(() => undefined);

/** A session for which a person has asked this. */
const asked = async (request: GitActionRequest): Promise<SessionId> => {
	const id = await insertTestSession(database.db, repoId, {
		...{ baseCommit: HEAD, headCommit: HEAD, commitCount: 1 }
	});
	mkdirSync(sessionPaths(workspace.path, id).worktree, { recursive: true });
	const commandId = randomUUID() as CommandId;
	const { log } = makeManager(never);
	const answer = await log.command(
		id,
		(state) => decide(state, { type: 'git', commandId, request }),
		{ id: commandId, requestHash: 'git' }
	);
	expect(answer).toMatchObject({ ok: true });
	return id;
};

const endsOf = async (id: SessionId) => {
	const events = await readForward(database.db, id, 0, 100);
	return events.filter(({ type }) => type === 'git.ended').map(({ payload }) => payload);
};
const ended = async (id: SessionId) => {
	await expect.poll(() => endsOf(id), { timeout: 10_000 }).not.toEqual([]);
	return endsOf(id);
};

const commit: GitActionRequest = { kind: 'commit', message: 'By hand' };
const push: GitActionRequest = { kind: 'push', overwrite: null };

it('a push whose manager was killed is done by the next one, and ends once', async () => {
	const id = await asked(push);
	let letGo = (): void => undefined;
	const hangs = new Promise<void>((resolve) => (letGo = resolve));
	const killed = makeManager(never, { push: () => hangs });
	await killed.look(id);
	expect(await endsOf(id)).toEqual([]);
	const next = makeManager(never);
	await next.look(id);
	expect(await ended(id)).toMatchObject([{ error: null, pushedCommit: HEAD }]);
	// One that was only thought dead comes back, and has nothing more to say.
	letGo();
	await killed.acted;
	await killed.log.record(id, () => []);
	expect(await endsOf(id)).toHaveLength(1);
});

it('a commit that was made before its manager was killed counts as done', async () => {
	const id = await asked(commit);
	await makeManager(never).look(id);
	await makeManager(() => Promise.resolve({ exitCode: NOTHING }), { collected: NEXT }).look(id);
	expect(await ended(id)).toMatchObject([{ error: null }]);
	const cell = await makeManager(never).log.find(id);
	expect(cell?.state).toMatchObject({ headCommit: NEXT, gitAction: { status: 'done' } });
});

it.each([
	['nothing was changed', { exitCode: NOTHING }, 'nothing_to_do', /nothing to commit/],
	[
		'a git that was cut off has left its lock',
		{ exitCode: 4, stderr: "fatal: Unable to create '/x/.git/index.lock': File exists." },
		'worktree_not_ready',
		/Another git/
	],
	['git failed', { exitCode: 4, stderr: 'fatal: bad object' }, 'git_failed', /bad object/]
] as const)('a commit begun anew says why it failed: %s', async (_name, ran, code, words) => {
	const id = await asked(commit);
	await makeManager(never).look(id);
	await makeManager(() => Promise.resolve(ran)).look(id);
	const message = expect.stringMatching(words) as string;
	expect(await ended(id)).toMatchObject([{ error: { code, message } }]);
	const cell = await makeManager(never).log.find(id);
	expect(cell?.state.gitAction?.status).toBe('failed');
});
