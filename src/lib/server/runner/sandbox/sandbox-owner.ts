/**
 * Who a sandbox is outside. A manager that runs as root gives its sandboxes an unprivileged uid of
 * their own, which owns each worktree and session folder; otherwise a sandbox is the manager's user.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';

const run = promisify(execFile);

export interface Owner {
	uid: number;
	gid: number;
}

/** In the part of the uid range that neither distributions nor systemd hand out. */
const UNPRIVILEGED_OWNER: Owner = { uid: 61_000, gid: 61_000 };

/** The owner that worktrees and session folders must have. */
export const sandboxOwner = (): Owner => {
	const uid = process.getuid?.() ?? -1;
	return uid === 0 ? UNPRIVILEGED_OWNER : { uid, gid: process.getgid?.() ?? -1 };
};

/** Each line of it says that something was gone when its turn came. */
const saysOnlyGone = (stderr: string): boolean =>
	stderr
		.trim()
		.split('\n')
		.every((line) => line.endsWith(': No such file or directory'));

/**
 * Gives whole trees to the sandbox's owner; a no-op unless the manager is root. Links are changed
 * themselves, never followed, so a planted link reaches nothing. A start that was broken off may have
 * left its sandbox at work in them: what that removes meanwhile needs no owner, what it makes has the
 * right one. Errors: `disk_full`, `sandbox_start_failed`.
 */
export const prepareOwnership = async (
	paths: readonly string[],
	signal?: AbortSignal
): Promise<Result<void, WireError>> => {
	if (process.getuid?.() !== 0 || paths.length === 0) return ok();
	const { uid, gid } = sandboxOwner();
	try {
		const env = { ...process.env, LC_ALL: 'C' };
		await run('chown', ['-R', '-h', '-P', `${uid}:${gid}`, '--', ...paths], { signal, env });
		return ok();
	} catch (error) {
		const { code: exitCode, stderr = '' } = error as { code?: number | string; stderr?: string };
		const allThere = paths.every((path) => existsSync(path));
		if (exitCode === 1 && allThere && saysOnlyGone(stderr)) return ok();
		const text = error instanceof Error ? error.message : String(error);
		const code = /No space left/.test(text) ? 'disk_full' : 'sandbox_start_failed';
		return fail(wireError(code, `The session's files could not be given to its sandbox: ${text}`));
	}
};

/**
 * The same for one tree that was given already, unless that was broken off: a folder changes hands after
 * what is in it, so that the tree's own owner tells. Errors as `prepareOwnership`.
 */
export const completeOwnership = async (
	path: string,
	signal?: AbortSignal
): Promise<Result<void, WireError>> => {
	const { uid } = await stat(path);
	return uid === sandboxOwner().uid ? ok() : prepareOwnership([path], signal);
};

/** The agent's home: in the session folder, so that it outlives the sandbox. Never follows a link. */
export const makeHome = async (sessionFolder: string): Promise<string> => {
	const home = join(sessionFolder, 'home');
	const { uid, gid } = sandboxOwner();
	try {
		await mkdir(home, { mode: 0o700 });
		if (process.getuid?.() === 0) await chown(home, uid, gid);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
	}
	return home;
};
