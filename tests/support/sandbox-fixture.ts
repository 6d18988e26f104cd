/**
 * What a session stands on, made by hand for tests of sandboxes: a private workspace folder, a mirror
 * with a commit, a worktree with a git directory of its own, a session folder, a door that answers.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxSpec } from '#lib/server/runner/sandbox/driver.ts';
import { prepareOwnership } from '#lib/server/runner/sandbox/sandbox-owner.ts';

const run = promisify(execFile);

export interface SandboxFixture {
	/** Mode 0700, as a home may be. */
	workspaceRoot: string;
	stateDirectory: string;
	spec: SandboxSpec;
	/** A file that only the host may see. */
	secretPath: string;
	/** The commit that the worktree stands on. */
	commit: string;
	/** Reads a file that the sandbox left in its session folder. */
	report(name: string): Promise<string>;
	cleanUp(): Promise<void>;
}

const listenOn = (path: string): Promise<Server> =>
	new Promise((resolve, reject) => {
		const server = createServer((socket) => socket.end('door says hello'));
		server.once('error', reject);
		server.listen(path, () => resolve(server));
	});

/** `instance` and `session` are new unless given. */
export const makeSandboxFixture = async (
	options: { instance?: string; epoch?: number } = {}
): Promise<SandboxFixture> => {
	const workspaceRoot = await mkdtemp(join(tmpdir(), 'am-sandbox-'));
	await chmod(workspaceRoot, 0o700);
	const session = randomUUID();
	const mirror = join(workspaceRoot, 'repos', 'repo.git');
	const worktreePath = join(workspaceRoot, 'worktrees', session);
	const sessionFolder = join(workspaceRoot, 'sessions', session);
	const doorDirectory = join(sessionFolder, 'door');
	await mkdir(doorDirectory, { recursive: true });
	const git = async (folder: string, ...args: string[]): Promise<string> =>
		(await run('git', ['-C', folder, '-c', 'init.defaultBranch=main', ...args])).stdout.trim();
	await mkdir(mirror, { recursive: true });
	await git(mirror, 'init', '--quiet', '--bare');
	const tree = await git(mirror, 'write-tree');
	const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
	const commit = await git(mirror, ...author, 'commit-tree', '-m', 'First', tree);
	await mkdir(worktreePath, { recursive: true });
	await git(worktreePath, 'init', '--quiet');
	await writeFile(
		join(worktreePath, '.git/objects/info/alternates'),
		`${join(mirror, 'objects')}\n`
	);
	await git(worktreePath, 'update-ref', 'refs/heads/main', commit);
	await git(worktreePath, 'reset', '--quiet', '--hard', commit);
	const door = await listenOn(join(doorDirectory, 'door.sock'));
	await chmod(join(doorDirectory, 'door.sock'), 0o666);
	const owned = await prepareOwnership([worktreePath, sessionFolder]);
	if (!owned.ok) throw new Error(owned.error.message);
	const secretPath = join(workspaceRoot, 'secret');
	await writeFile(secretPath, 'host only', { mode: 0o644 });
	return {
		workspaceRoot,
		stateDirectory: join(workspaceRoot, 'sandboxes'),
		secretPath,
		commit,
		spec: {
			labels: { instance: options.instance ?? randomUUID(), session, epoch: options.epoch ?? 1 },
			worktreePath,
			mirrorObjectsPath: join(mirror, 'objects'),
			sessionFolder,
			doorDirectory,
			env: {
				AGENT_MANAGER_SESSION: session,
				AGENT_MANAGER_TOKEN: `token-${randomUUID()}`,
				AGENT_MANAGER_DOOR: join(doorDirectory, 'door.sock'),
				AGENT_MANAGER_SESSION_FOLDER: sessionFolder,
				AGENT_MANAGER_WORKTREE: worktreePath
			},
			limits: { cpus: 1, memoryBytes: 256 * 1024 ** 2, pids: 64 }
		},
		report: (name) => readFile(join(sessionFolder, name), 'utf8'),
		cleanUp: async () => {
			await new Promise((resolve) => door.close(resolve));
			await rm(workspaceRoot, { recursive: true, force: true });
		}
	};
};
