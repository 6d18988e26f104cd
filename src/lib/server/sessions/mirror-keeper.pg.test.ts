/** What sessions have in a mirror that was taken away comes back into the new one, whatever fails meanwhile. */
import { spawn } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { findRepo } from '#lib/server/db/repos.ts';
import { findSession } from '#lib/server/db/sessions.ts';
import { createGit } from '#lib/server/git/exec.ts';
import { fetchMirror } from '#lib/server/git/mirror.ts';
import { createWorktree } from '#lib/server/git/worktree.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import {
	commitFiles,
	gitIn,
	makeRepo,
	tempFolder,
	type TempFolder
} from '../../../../tests/support/git-fixture.ts';
import { localRemote } from '../../../../tests/support/git-mirror-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { COLLECT_MS, collectCommits } from './collect-commits.ts';
import { createHub } from './hub.ts';
import { MirrorKeeper } from './mirror-keeper.ts';
import type { SessionContext } from './session-context.ts';
import { SessionGit } from './session-git.ts';
import { SessionLog } from './session-log.ts';
import { SessionRuntime } from './session-runtime.ts';

const git = createGit();
let database: TestDatabase;
let folder: TempFolder;
let upstream: string;
let mirror: string;
let repoId: RepoId;
let baseCommit: string;
/** Set: what a throw-away sandbox answers instead of running anything. */
let trouble: string | null;
let keeper: MirrorKeeper;
let log: SessionLog;

/** Runs the program as it is: what it does in a sandbox is another test's. */
const driver = {
	kind: 'bubblewrap',
	runOnce: async (_spec, argv, { stdout }) => {
		if (trouble !== null) return fail(wireError('sandbox_start_failed', trouble));
		const [program = '', ...args] = argv;
		const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
		child.stdout.pipe(stdout, { end: false });
		const exitCode = await new Promise<number>((done) =>
			child.on('close', (code) => done(code ?? 1))
		);
		return ok({ exitCode, stderr: '' });
	}
} as Pick<SandboxDriver, 'kind' | 'runOnce'> as SandboxDriver;

beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
	const { db } = database;
	folder = tempFolder('mirror-keeper');
	trouble = null;
	upstream = makeRepo(join(folder.path, 'upstream'));
	baseCommit = gitIn(upstream, 'rev-parse', 'HEAD');
	repoId = (await insertTestRepo(db)) as RepoId;
	mirror = join(folder.path, (await findRepo(db, repoId))!.mirrorPath);
	await fetchMirror(git, { mirrorPath: mirror, remote: localRemote(upstream) });
	const hub = createHub();
	log = new SessionLog({
		...{ db, hub, now: () => new Date(), queuePosition: () => null, onCommit: () => undefined }
	});
	const context = {
		...{ db, hub, log, workspaceRoot: folder.path },
		logger: pino({ level: 'silent' }),
		findRepo: (id: RepoId) => findRepo(db, id),
		git: new SessionGit({
			...{ git, workspaceRoot: folder.path, instance: 'test', drivers: () => [driver] },
			identity: { name: 'Agent', email: 'agent@localhost' },
			remoteFor: () => Promise.resolve(localRemote(upstream)),
			now: () => new Date()
		})
	} as unknown as SessionContext;
	keeper = new MirrorKeeper({
		...{ context, retryMs: 20 },
		collect: (cell) => collectCommits(context, cell, new SessionRuntime(cell.id), COLLECT_MS)
	});
});
afterEach(async () => {
	await keeper.stop();
	folder.remove();
});

/** A session with one commit in its worktree, which has come into the mirror. */
const withCommit = async (state: Parameters<typeof insertTestSession>[2] = {}) => {
	const draft = await insertTestSession(database.db, repoId, {
		...{ baseCommit, driver: 'bubblewrap', ...state }
	});
	const worktreePath = join(folder.path, 'worktrees', draft);
	const { branchName } = (await findSession(database.db, draft))!;
	await createWorktree(git, {
		...{ mirrorPath: mirror, worktreePath, branchName, baseCommit, baseBranch: 'main' },
		identity: { name: 'Agent', email: 'agent@localhost' }
	});
	const head = commitFiles(worktreePath, { 'work.txt': `${draft}\n` });
	gitIn(mirror, 'fetch', '--quiet', worktreePath, `HEAD:refs/heads/${branchName}`);
	await log.record(draft, () => [
		{ type: 'commits.collected', payload: { head, commitCount: 1, fastForward: true } }
	]);
	return { id: draft, head, ref: `refs/heads/${branchName}`, base: `refs/base/${branchName}` };
};

const loseMirror = async (): Promise<void> => {
	rmSync(mirror, { recursive: true });
	await fetchMirror(git, { mirrorPath: mirror, remote: localRemote(upstream) });
};
const refs = (): string[] => gitIn(mirror, 'for-each-ref', '--format=%(refname)').split('\n');
const eventually = (look: () => unknown) => expect.poll(look, { timeout: 30_000, interval: 20 });
const isAsleep = async (id: SessionId) => (await log.find(id))?.state.asleep;

it('brings base and branch of each session back, and puts the sandboxes of the old mirror away', async () => {
	const one = await withCommit();
	const two = await withCommit({ status: 'stopped', waitingFor: null, desired: 'stopped' });
	await loseMirror();
	keeper.made(repoId);
	await eventually(refs).toEqual(expect.arrayContaining([one.ref, one.base, two.ref, two.base]));
	expect(gitIn(mirror, 'rev-parse', one.ref)).toBe(one.head);
	await eventually(() => isAsleep(one.id)).toBe(true);
	expect(keeper.problems).toEqual([]);
});

it('tries again what failed, says so meanwhile, and lets no session stand in for another', async () => {
	const stuck = await withCommit();
	const worktree = join(folder.path, 'worktrees', stuck.id);
	const fine = await withCommit();
	renameSync(join(worktree, '.git'), join(worktree, 'git'));
	await loseMirror();
	trouble = 'No sandbox just now.';
	keeper.made(repoId);
	await eventually(() => keeper.problems).toHaveLength(2);
	expect(keeper.problems[0]).toContain('No sandbox just now.');
	trouble = null;
	await eventually(refs).toContain(fine.ref);
	await eventually(() => keeper.problems).toHaveLength(1);
	renameSync(join(worktree, 'git'), join(worktree, '.git'));
	await eventually(refs).toContain(stuck.ref);
	await eventually(() => keeper.problems).toEqual([]);
});

it('needs nobody to tell it: a manager that starts finds what a killed one left undone', async () => {
	const { ref } = await withCommit();
	await loseMirror();
	await keeper.lookAll();
	await eventually(refs).toContain(ref);
});

it('waits with a session whose agent is at work until it is idle', async () => {
	const running = { status: 'running', waitingFor: null, settling: true, runnerUp: true } as const;
	const { id, ref } = await withCommit(running);
	await loseMirror();
	keeper.made(repoId);
	await eventually(refs).toContain(ref);
	const settled = await log.record(id, () => [{ type: 'session.settled', payload: {} }]);
	expect(settled?.state).toMatchObject({ status: 'waiting', asleep: false });
	await keeper.putToSleep(settled!);
	expect(await isAsleep(id)).toBe(true);
});
