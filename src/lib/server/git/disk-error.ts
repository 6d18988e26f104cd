/** File system failures as errors of the closed list. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';

export const diskError = (error: unknown, what: string): WireError => {
	const { code, message } = error as NodeJS.ErrnoException;
	const full = code === 'ENOSPC' || code === 'EDQUOT';
	return wireError(full ? 'disk_full' : 'git_failed', `Could not ${what}: ${message}`);
};
