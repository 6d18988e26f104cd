/**
 * What a worktree without a session says of itself. A sandbox has written it, so it is read as text,
 * capped, without following links, and believed only where a mirror of ours agrees.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isBranchName } from '#lib/domain/branch-name.ts';

const TEXT_MAX_BYTES = 8_192;

const readHostileText = async (path: string): Promise<string | null> => {
	const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
	const file = await open(path, flags).catch(() => null);
	if (!file) return null;
	try {
		if (!(await file.stat()).isFile()) return null;
		const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(TEXT_MAX_BYTES) });
		return buffer.toString('utf8', 0, bytesRead);
	} catch {
		return null;
	} finally {
		await file.close();
	}
};

export interface OrphanedWorktree {
	/** One of `mirrorPaths`: the one that it borrows its objects from. */
	mirrorPath: string;
	branchName: string;
}

/** null: it is on no branch of ours, or borrows from no mirror that is there. */
export const readOrphanedWorktree = async (
	worktreePath: string,
	mirrorPaths: readonly string[]
): Promise<OrphanedWorktree | null> => {
	const gitDir = join(worktreePath, '.git');
	const [head, alternates] = await Promise.all([
		readHostileText(join(gitDir, 'HEAD')),
		readHostileText(join(gitDir, 'objects', 'info', 'alternates'))
	]);
	const branchName = /^ref: refs\/heads\/(agent\/\S+)\n?$/.exec(head ?? '')?.[1];
	const lines = (alternates ?? '').split('\n');
	const mirrorPath = mirrorPaths.find((path) => lines.includes(join(path, 'objects')));
	if (branchName === undefined || mirrorPath === undefined || !isBranchName(branchName))
		return null;
	return { mirrorPath, branchName };
};
