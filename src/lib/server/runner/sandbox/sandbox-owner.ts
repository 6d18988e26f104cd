/**
 * Who a sandbox is outside. A manager that runs as root gives its sandboxes an unprivileged uid of
 * their own, which owns each worktree and session folder; otherwise a sandbox is the manager's user.
 */
import { execFile } from 'node:child_process';
import { chown, mkdir } from 'node:fs/promises';
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

/**
 * Gives whole trees to the sandbox's owner; a no-op unless the manager is root. Links are changed
 * themselves, never followed, so a planted link reaches nothing. Call it while no sandbox of the
 * session runs. Errors: `disk_full`, `sandbox_start_failed`.
 */
export const prepareOwnership = async (
	paths: readonly string[],
	signal?: AbortSignal
): Promise<Result<void, WireError>> => {
	if (process.getuid?.() !== 0 || paths.length === 0) return ok();
	const { uid, gid } = sandboxOwner();
	try {
		await run('chown', ['-R', '-h', '-P', `${uid}:${gid}`, '--', ...paths], { signal });
		return ok();
	} catch (error) {
		const text = error instanceof Error ? error.message : String(error);
		const code = /No space left/.test(text) ? 'disk_full' : 'sandbox_start_failed';
		return fail(wireError(code, `The session's files could not be given to its sandbox: ${text}`));
	}
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
