/** The paths of a session's files, for who wants to name one. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { FILES_MAX, type FileList } from '@agent-manager/protocol/changes.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { Worktree } from './changes.ts';
import type { Git } from './exec.ts';

/** Room for the paths of `FILES_MAX` files. */
const OUTPUT_MAX_BYTES = 8 * 1_048_576;

/** The last path is not whole where the output was cut. A path that no line can hold is nobody's to type. */
const readPaths = (output: string, isCut: boolean): FileList => {
	const paths = output.split('\0');
	paths.pop();
	const fitting = paths.filter((path) => !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(path));
	return { paths: fitting.slice(0, FILES_MAX), isCut: isCut || fitting.length > FILES_MAX };
};

/** As they are now, ignored ones left out. */
export const filesInWorktree = async ({
	path,
	read
}: Worktree): Promise<Result<FileList, WireError>> => {
	const listing = ['--cached', '--others', '--exclude-standard', '--deduplicate', '-z'];
	const argv = ['git', '-c', 'core.fsmonitor=false', '-C', path, 'ls-files', ...listing];
	const listed = await read(argv, OUTPUT_MAX_BYTES);
	return listed.ok ? ok(readPaths(listed.value.output, listed.value.isCut)) : listed;
};

/** As a commit has them. */
export const filesInCommit = async (
	git: Git,
	mirrorPath: string,
	commit: string
): Promise<Result<FileList, WireError>> => {
	const listed = await git.run({
		args: ['ls-tree', '-r', '-z', '--name-only', '--full-tree', '--end-of-options', commit],
		gitDir: mirrorPath,
		what: 'list the files'
	});
	return listed.ok ? ok(readPaths(listed.value.stdout, false)) : listed;
};
