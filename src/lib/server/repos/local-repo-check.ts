/** The cheap, definite checks of a local path, before it is registered. */
import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';

/** In the workspace: what the app made for its demo, and no sandbox can write. */
export const DEMO_FOLDER = 'demo';

const invalid = (message: string, hint?: string): Result<never, WireError> =>
	fail(wireError('repo_path_invalid', message, hint === undefined ? {} : { hint }));

const has = async (folder: string, name: string): Promise<boolean> =>
	(await stat(join(folder, name)).catch(() => null)) !== null;

const isBare = async (folder: string): Promise<boolean> =>
	(await has(folder, 'HEAD')) && (await has(folder, 'objects')) && (await has(folder, 'refs'));

/** The repository that a folder is inside of, if any. */
const enclosing = async (folder: string): Promise<string | null> => {
	for (let at = folder; at !== sep; at = join(at, '..')) {
		if (await has(at, '.git')) return at;
	}
	return null;
};

/**
 * The path with its links resolved, if a repository is there and it is not in the workspace (but for the demo's).
 * Error: `repo_path_invalid`.
 */
export const checkLocalRepo = async (
	path: string,
	workspaceRoot: string
): Promise<Result<string, WireError>> => {
	let real: string;
	try {
		real = await realpath(path);
		if (!(await stat(real)).isDirectory())
			return invalid('There is a file at this path, no folder.');
	} catch (error) {
		const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
		return invalid(denied ? 'This path may not be read.' : 'There is nothing at this path.');
	}
	const workspace = await realpath(workspaceRoot).catch(() => workspaceRoot);
	const isIn = (folder: string): boolean => real === folder || real.startsWith(`${folder}${sep}`);
	if (isIn(workspace) && !isIn(join(workspace, DEMO_FOLDER))) {
		return invalid('This path is inside the workspace folder of the app.');
	}
	if ((await has(real, '.git')) || (await isBare(real))) return ok(real);
	const top = await enclosing(real);
	return invalid(
		'There is no git repository at this path.',
		top === null ? undefined : `The repository’s folder is ${top}: give that.`
	);
};
