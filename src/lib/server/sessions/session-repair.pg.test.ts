/**
 * Repairs of what sessions have, with real git and rows. A manager that is killed between two steps
 * of one is a git that stops answering: the next try has to come to the same end.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import pino from 'pino';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { ok } from '#lib/domain/result.ts';
import { initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import { findRepo, insertRepo } from '#lib/server/db/repos.ts';
import { findSession, insertSession } from '#lib/server/db/sessions.ts';
import { createGit, type Git } from '#lib/server/git/exec.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { gitIn, tempFolder, writeFiles } from '../../../../tests/support/git-fixture.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import type { SessionContext } from './session-context.ts';
import { SessionGit } from './session-git.ts';
import { createSessionRepair } from './session-repair.ts';
import { SessionRuntime } from './session-runtime.ts';
import { toCell } from './session-view.ts';

const run = promisify(execFile);
const KILLED = 'the manager was killed here';

let database: TestDatabase;
const folder = tempFolder('repair');
const upstream = join(folder.path, 'upstream');
let workspaceRoot: string;
let mirror: string;
let repoId: string;
let base: string;

beforeAll(async () => {
	database = await testDatabase();
	mkdirSync(upstream);
	gitIn(upstream, 'init', '--quiet', '--initial-branch=main');
	writeFiles(upstream, { 'a.txt': 'a\n' });
	gitIn(upstream, 'add', '--all');
	gitIn(upstream, 'commit', '--quiet', '-m', 'Begin');
	base = gitIn(upstream, 'rev-parse', 'HEAD').trim();
});
afterAll(async () => {
	await database.close();
	folder.remove();
});

beforeEach(async () => {
	repoId = randomUUID();
	workspaceRoot = join(folder.path, repoId);
	const mirrorPath = `repos/local/${repoId}.git`;
	mirror = join(workspaceRoot, mirrorPath);
	mkdirSync(mirror, { recursive: true });
	for (const name of ['worktrees', 'sessions']) mkdirSync(join(workspaceRoot, name));
	gitIn(mirror, 'init', '--quiet', '--bare');
	gitIn(mirror, 'fetch', '--quiet', upstream, '+refs/heads/*:refs/remotes/origin/*');
	await insertRepo(database.db, {
		...{ id: repoId, kind: 'local', identity: `local:/${repoId}`, owner: 'local', name: 'a' },
		...{ url: upstream, mirrorPath, status: 'ready', defaultBranch: 'main' }
	});
});

/** Runs the program here, as a sandbox would inside. */
const runOnce: SandboxDriver['runOnce'] = async (_spec, argv, { stdout }) => {
	const [program = '', ...args] = argv;
	const ran = await run(program, args, { encoding: 'buffer' });
	stdout.write(ran.stdout);
	return ok({ exitCode: 0, stderr: '' });
};
const driver = { kind: 'bubblewrap', runOnce } as unknown as SandboxDriver;

/** A git whose `steps`th run and all later ones fail, as if nobody were there any more. */
const killedAfter = (steps: number): Git => {
	const git = createGit();
	let left = steps;
	return {
		...git,
		run: (what) => (left-- > 0 ? git.run(what) : Promise.reject(new Error(KILLED)))
	};
};

const repairWith = (git: Git) => {
	const sessionGit = new SessionGit({
		git,
		workspaceRoot,
		instance: randomUUID(),
		identity: { name: 'Claude', email: 'c@example.com' },
		remoteFor: () => Promise.reject(new Error('no remote is asked')),
		drivers: () => [driver],
		now: () => new Date()
	});
	const find = async (id: SessionId) => {
		const row = await findSession(database.db, id);
		return row && toCell(row);
	};
	const context = {
		...{ db: database.db, git: sessionGit, workspaceRoot, newId: randomUUID },
		log: { find, record: () => Promise.resolve(null) },
		logger: pino({ level: 'silent' }),
		findRepo: (id: never) => findRepo(database.db, id)
	} as unknown as SessionContext;
	return createSessionRepair(
		context,
		() => false,
		(id) => new SessionRuntime(id)
	);
};

/** Makes a worktree as the app does, with a commit of an agent's in it. */
const worktreeWithCommit = async (name: string, branch: string): Promise<string> => {
	const path = join(workspaceRoot, 'worktrees', name);
	mkdirSync(path);
	gitIn(path, 'init', '--quiet', `--initial-branch=${branch}`);
	writeFiles(path, { '.git/objects/info/alternates': `${join(mirror, 'objects')}\n` });
	gitIn(path, 'reset', '--quiet', '--hard', base);
	writeFiles(path, { 'b.txt': name });
	gitIn(path, 'add', '--all');
	gitIn(path, 'commit', '--quiet', '-m', 'Work');
	return gitIn(path, 'rev-parse', 'HEAD').trim();
};

const addSession = async (branchName: string, state: Partial<SessionState>): Promise<SessionId> => {
	const id = randomUUID() as SessionId;
	await insertSession(database.db, {
		...{ id, repoId, role: 'implementer', title: 't', goalPrompt: 'p', branchName },
		...{ baseBranch: 'main', permissionMode: 'full', conversationId: randomUUID() },
		status: 'stopped',
		state: { ...initialSessionState(), status: 'stopped', driver: 'bubblewrap', ...state }
	});
	return id;
};

const refs = (): string => gitIn(mirror, 'for-each-ref', '--format=%(objectname) %(refname)');

describe('an orphaned worktree', () => {
	it('goes, and its commits stay under a saved ref, wherever the manager is killed', async () => {
		let steps = 0;
		for (let done = false; !done; steps++) {
			const name = randomUUID();
			const commit = await worktreeWithCommit(name, `agent/lost-${steps}`);
			const path = join(workspaceRoot, 'worktrees', name);
			const killed = await repairWith(killedAfter(steps))
				.removeOrphanedWorktree(name)
				.then(
					(result) => result.ok,
					() => false
				);
			// Whatever was done by then: the commit is in the worktree still, or saved.
			const isSaved = refs().includes(`${commit} refs/saved/`);
			expect(isSaved || existsSync(path), `after ${steps} steps`).toBe(true);
			done = killed;
			if (existsSync(path)) {
				expect(await repairWith(createGit()).removeOrphanedWorktree(name)).toEqual(ok());
			}
			expect(existsSync(path)).toBe(false);
			expect(refs(), `after ${steps} steps`).toContain(`${commit} refs/saved/`);
			expect(refs()).not.toContain(`refs/heads/agent/lost-${steps}`);
		}
		expect(steps).toBeGreaterThan(5);
	}, 240_000);

	it('stays when it says that it is on a branch that a session has', async () => {
		await addSession('agent/taken', {});
		const name = randomUUID();
		await worktreeWithCommit(name, 'agent/taken');
		const refused = await repairWith(createGit()).removeOrphanedWorktree(name);
		expect(refused).toMatchObject({ ok: false, error: { code: 'branch_exists' } });
		expect(existsSync(join(workspaceRoot, 'worktrees', name))).toBe(true);
	});

	it('stays when its mirror is not there', async () => {
		const name = randomUUID();
		await worktreeWithCommit(name, 'agent/x');
		rmSync(mirror, { recursive: true });
		const refused = await repairWith(createGit()).removeOrphanedWorktree(name);
		expect(refused).toMatchObject({ ok: false, error: { code: 'repo_not_found' } });
		expect(existsSync(join(workspaceRoot, 'worktrees', name))).toBe(true);
	});

	it('stays when a session has it by now', async () => {
		const id = await addSession('agent/mine', {});
		await worktreeWithCommit(id, 'agent/mine');
		expect((await repairWith(createGit()).removeOrphanedWorktree(id)).ok).toBe(false);
		expect((await repairWith(createGit()).removeOrphanedFolder(id)).ok).toBe(false);
		expect(existsSync(join(workspaceRoot, 'worktrees', id))).toBe(true);
	});
});

describe('what a session has lost', () => {
	it('comes back from the mirror: refs, and the worktree at the last commit', async () => {
		const name = randomUUID();
		const headCommit = await worktreeWithCommit(name, 'agent/back');
		gitIn(mirror, 'fetch', '--quiet', join(workspaceRoot, 'worktrees', name), 'agent/back');
		const id = await addSession('agent/back', { baseCommit: base, headCommit });
		expect(await repairWith(createGit()).restoreBranch(id)).toEqual(ok());
		expect(await repairWith(createGit()).restoreBase(id)).toEqual(ok());
		expect(refs()).toContain(`${headCommit} refs/heads/agent/back`);
		expect(refs()).toContain(`${base} refs/base/agent/back`);
		expect(await repairWith(createGit()).restoreWorktree(id)).toEqual(ok());
		const path = join(workspaceRoot, 'worktrees', id);
		expect(gitIn(path, '-c', 'safe.directory=*', 'rev-parse', 'HEAD').trim()).toBe(headCommit);
	});

	it('comes back from the worktree when the mirror was made anew', async () => {
		const id = await addSession('agent/anew', { baseCommit: base, headCommit: null });
		const headCommit = await worktreeWithCommit(id, 'agent/anew');
		await database.pool.query(
			`update sessions set state = jsonb_set(state, '{headCommit}', to_jsonb($1::text)) where id = $2`,
			[headCommit, id]
		);
		expect(await repairWith(createGit()).restoreBranch(id)).toEqual(ok());
		expect(refs()).toContain(`${headCommit} refs/heads/agent/anew`);
	});

	it('is said to be lost when nobody has it', async () => {
		const id = await addSession('agent/none', { baseCommit: base, headCommit: 'b'.repeat(40) });
		expect((await repairWith(createGit()).restoreWorktree(id)).ok).toBe(false);
		expect(existsSync(join(workspaceRoot, 'worktrees', id))).toBe(false);
	});
});
