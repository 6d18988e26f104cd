/** A repository with one commit, made where none is. No sandbox can write it. */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { diskError } from './disk-error.ts';
import type { Git } from './exec.ts';

export interface SampleRepo {
	path: string;
	/** Text of each file, by its path. */
	files: Readonly<Record<string, string>>;
	message: string;
}

const isThere = async (path: string): Promise<boolean> =>
	(await stat(path).catch(() => null)) !== null;

const writeFiles = async (folder: string, files: SampleRepo['files']): Promise<void> => {
	for (const [name, text] of Object.entries(files)) {
		const path = join(folder, name);
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, text);
	}
};

/** Whole or not at all. Errors: `disk_full`, `git_missing`, `git_failed`. */
export const makeSampleRepo = async (
	git: Git,
	{ path, files, message }: SampleRepo
): Promise<Result<void, WireError>> => {
	if (await isThere(join(path, '.git'))) return ok();
	const unfinished = `${path}.unfinished`;
	const gitDir = join(unfinished, '.git');
	try {
		await rm(unfinished, { recursive: true, force: true });
		await writeFiles(unfinished, files);
	} catch (error) {
		return fail(diskError(error, 'make the demo’s repository'));
	}
	const author = ['-c', 'user.name=Agent Manager', '-c', 'user.email=demo@localhost'];
	const steps = [
		['init', '--quiet', '--template=', '--initial-branch=main', unfinished],
		['add', '--all'],
		[...author, 'commit', '--quiet', '--no-verify', '-m', message]
	];
	for (const [at, args] of steps.entries()) {
		const where = at === 0 ? {} : { gitDir, workTree: unfinished };
		const ran = await git.run({ args, ...where, what: 'make the demo’s repository' });
		if (!ran.ok) return ran;
	}
	try {
		await rename(unfinished, path);
	} catch (error) {
		return fail(diskError(error, 'make the demo’s repository'));
	}
	return ok();
};
