/** File system failures as errors of the closed list. */
import { statfs } from 'node:fs/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';

const FULL_BELOW_BYTES = 1024 * 1024;

export const diskError = (error: unknown, what: string): WireError => {
	const { code, message } = error as NodeJS.ErrnoException;
	const full = code === 'ENOSPC' || code === 'EDQUOT';
	return wireError(full ? 'disk_full' : 'git_failed', `Could not ${what}: ${message}`);
};

/**
 * Git does not always say that the disk was full: a checkout only names the files it could not
 * write. So it is looked at, while what was written is still there.
 */
export const orDiskFull = async (error: WireError, folder: string): Promise<WireError> => {
	if (error.code !== 'git_failed') return error;
	const space = await statfs(folder).catch(() => null);
	if (!space) return error;
	const outOfFiles = space.files > 0 && space.ffree === 0;
	if (!outOfFiles && space.bavail * space.bsize >= FULL_BELOW_BYTES) return error;
	return wireError('disk_full', 'The disk is full.', { details: { folder } });
};
