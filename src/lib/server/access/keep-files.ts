/**
 * Puts small files back that somebody removed under the running app: without `instance` the next start would
 * not know its own sandboxes, without `secret` it would not let their runners in, without `token` it would
 * sign every browser out.
 */
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { createOnce } from './create-once.ts';

const LOOK_MS = 5_000;

export interface KeptFile {
	path: string;
	text: string;
	mode: number;
}

/** Looks until the function that it returns is called. In another folder than ours nothing is put. */
export const keepFiles = (
	files: readonly KeptFile[],
	workspace: { problem: () => Promise<unknown> },
	logger: Logger
): (() => void) => {
	const look = async ({ path, text, mode }: KeptFile): Promise<void> => {
		try {
			if (existsSync(path) || (await workspace.problem())) return;
			if (await createOnce(path, text, mode)) logger.warn({ path }, 'a file was gone: it is back');
		} catch (cause) {
			logger.debug({ err: cause, path }, 'a file could not be put back');
		}
	};
	const timer = setInterval(() => void Promise.all(files.map(look)), LOOK_MS);
	timer.unref();
	return () => clearInterval(timer);
};
