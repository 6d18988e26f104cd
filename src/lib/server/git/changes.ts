/**
 * What a session has changed. Commits are compared in the mirror; the worktree is asked by git inside of
 * a sandbox, whose answer is read as a stranger's (`diff-output.ts`).
 */
import type { ChangedFile, FileDiff } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { parseChangedFiles, parsePatch, type ChangedFiles } from './diff-output.ts';
import type { Git } from './exec.ts';

const LIST_MAX_BYTES = 16 * 1024 * 1024;
/** A larger diff is not drawn: nobody reads it, and it would hold up the page. */
export const PATCH_MAX_BYTES = 1024 * 1024;
/** What two blobs below the limit of `BIG_FILE` can make, so that a diff too large is told from a failure. */
const PATCH_READ_BYTES = 32 * 1024 * 1024;
const DIFF_MS = 60_000;

/** Nothing of a repository's configuration may run or change the form of the answer. */
const FORM = [
	...['--no-color', '--no-ext-diff', '--no-textconv', '--no-relative', '--submodule=short'],
	...['--ignore-submodules=dirty', '--find-renames', '-l200', '--diff-algorithm=histogram']
];
const LIST_FORM = [...FORM, '--raw', '--numstat', '--no-abbrev', '-z'];
const PATCH_FORM = [...FORM, '--patch', '--unified=3', '--src-prefix=a/', '--dst-prefix=b/'];
/** Larger blobs are compared as a whole, not by lines. */
const BIG_FILE = '4m';

export interface FilePaths {
	path: string;
	oldPath?: string;
}

const pathsOf = ({ path, oldPath }: FilePaths): string[] =>
	oldPath === undefined ? [path] : [path, oldPath];

const unreadable = (): Result<never, WireError> =>
	fail(wireError('git_failed', 'The changes came in a form that was not asked for.'));

const toChangedFiles = (output: string): Result<ChangedFiles, WireError> => {
	const files = parseChangedFiles(output);
	return files ? ok(files) : unreadable();
};

const toFileDiff = (patch: string): Result<FileDiff, WireError> => {
	if (patch.length > PATCH_MAX_BYTES) return ok({ hunks: '', omitted: 'too_large' });
	const parsed = parsePatch(patch);
	if (!parsed) return unreadable();
	return ok({ hunks: parsed.hunks, omitted: parsed.isBinary ? 'binary' : null });
};

const diffCommits = (
	git: Git,
	{ mirrorPath, from, to }: Compared,
	form: readonly string[],
	paths: readonly string[],
	maxOutputBytes: number
) =>
	git.run({
		args: [
			'--literal-pathspecs',
			'diff-tree',
			'-r',
			...form,
			'--end-of-options',
			from,
			to,
			'--',
			...paths
		],
		gitDir: mirrorPath,
		config: [['core.bigFileThreshold', BIG_FILE]],
		what: 'compare the commits',
		timeoutMs: DIFF_MS,
		maxOutputBytes
	});

export interface Compared {
	mirrorPath: string;
	/** Whole commit ids. */
	from: string;
	to: string;
}

/** Files that differ between two commits of the mirror. */
export const changedBetween = async (
	git: Git,
	compared: Compared
): Promise<Result<ChangedFiles, WireError>> => {
	const listed = await diffCommits(git, compared, LIST_FORM, [], LIST_MAX_BYTES);
	return listed.ok ? toChangedFiles(listed.value.stdout) : listed;
};

export const fileDiffBetween = async (
	git: Git,
	compared: Compared,
	file: FilePaths
): Promise<Result<FileDiff, WireError>> => {
	const shown = await diffCommits(git, compared, PATCH_FORM, pathsOf(file), PATCH_READ_BYTES);
	return shown.ok ? toFileDiff(shown.value.stdout) : shown;
};

/** The newest commit that both have; null when there is none. */
export const mergeBase = async (
	git: Git,
	{ mirrorPath, from, to }: Compared
): Promise<Result<string | null, WireError>> => {
	const found = await git.run({
		args: ['merge-base', '--end-of-options', from, to],
		gitDir: mirrorPath,
		what: 'compare two commits',
		acceptExitCodes: [1]
	});
	return found.ok ? ok(found.value.stdout.trim() || null) : found;
};

/**
 * Runs in a sandbox, over whatever an agent left; its arguments are the worktree, the commit to compare with
 * (empty for the newest) and paths. The index and new objects go to a folder of its own, so that untracked
 * files count and nothing in the worktree is written.
 */
const worktreeScript = (form: readonly string[]): string => `
cd -- "$1" || exit 3
against="\${2:-HEAD}"
shift 2
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT
head=$(git rev-parse --verify --quiet "$against^{commit}") || {
	[ "$against" = HEAD ] && head=$(git hash-object -t tree /dev/null)
} || exit 4
index=$(git rev-parse --git-path index) && objects=$(git rev-parse --git-path objects) || exit 4
if [ -f "$index" ]; then cp -- "$index" "$scratch/index" || exit 3; fi
mkdir "$scratch/objects" || exit 3
case "$objects" in /*) ;; *) objects="$PWD/$objects" ;; esac
export GIT_INDEX_FILE="$scratch/index" GIT_OBJECT_DIRECTORY="$scratch/objects"
export GIT_ALTERNATE_OBJECT_DIRECTORIES="$objects" GIT_OPTIONAL_LOCKS=0
git ls-files -z --others --exclude-standard |
	git --literal-pathspecs -c core.fsmonitor=false -c advice.addEmbeddedRepo=false add \\
		--intent-to-add --ignore-errors --pathspec-from-file=- --pathspec-file-nul >&2 || true
printf '%s\\n' "$head"
git -c core.fsmonitor=false diff --name-only --diff-filter=U --no-relative -z && printf '\\0' || exit 4
git --literal-pathspecs -c core.fsmonitor=false -c core.bigFileThreshold=${BIG_FILE} \\
	diff ${form.join(' ')} --end-of-options "$head" -- "$@"
`;

/** Runs a program over the worktree and keeps what it prints, up to a limit. */
export type ReadFromSandbox = (
	argv: readonly string[],
	maxBytes: number
) => Promise<Result<{ output: string; isCut: boolean }, WireError>>;

export interface Worktree {
	/** As seen in the sandbox. */
	path: string;
	/** The whole id of the commit to compare with; null for the newest. */
	since: string | null;
	read: ReadFromSandbox;
}

interface WorktreeTold {
	from: string;
	conflicts: string[];
	output: string;
	isCut: boolean;
}

/** The commit's id on a line, names of files in conflict, an empty one, and then what was asked for. */
const readTold = (told: string): Omit<WorktreeTold, 'isCut'> | null => {
	const [line = '', from] = /^([0-9a-f]{40}|[0-9a-f]{64})\n/.exec(told) ?? [];
	if (from === undefined) return null;
	const rest = told.slice(line.length);
	if (rest.startsWith('\0')) return { from, conflicts: [], output: rest.slice(1) };
	const end = rest.indexOf('\0\0');
	if (end < 0) return null;
	return { from, conflicts: rest.slice(0, end).split('\0'), output: rest.slice(end + 2) };
};

const askWorktree = async (
	{ path, since, read }: Worktree,
	form: readonly string[],
	paths: readonly string[],
	maxBytes: number
): Promise<Result<WorktreeTold, WireError>> => {
	const argv = ['sh', '-c', worktreeScript(form), 'changes', path, since ?? '', ...paths];
	const asked = await read(argv, maxBytes);
	if (!asked.ok) return asked;
	const told = readTold(asked.value.output);
	return told ? ok({ ...told, isCut: asked.value.isCut }) : unreadable();
};

/** Files of the worktree that differ from a commit (`from`), untracked ones included. */
export const changedInWorktree = async (
	worktree: Worktree
): Promise<Result<ChangedFiles & { from: string }, WireError>> => {
	const asked = await askWorktree(worktree, LIST_FORM, [], LIST_MAX_BYTES);
	if (!asked.ok) return asked;
	if (asked.value.isCut) {
		return fail(wireError('payload_too_large', 'There are too many changed files to list.'));
	}
	const { from, output, conflicts } = asked.value;
	const changed = toChangedFiles(output);
	if (!changed.ok) return changed;
	const inConflict = new Set(conflicts);
	const files = changed.value.files.map((file): ChangedFile =>
		inConflict.has(file.path) ? { ...file, status: 'conflicted' } : file
	);
	return ok({ ...changed.value, files, from });
};

export const fileDiffInWorktree = async (
	worktree: Worktree,
	file: FilePaths
): Promise<Result<FileDiff, WireError>> => {
	const asked = await askWorktree(worktree, PATCH_FORM, pathsOf(file), PATCH_MAX_BYTES + 1024);
	if (!asked.ok) return asked;
	return asked.value.isCut
		? ok({ hunks: '', omitted: 'too_large' })
		: toFileDiff(asked.value.output);
};
