/**
 * What a person lets git do in a session's worktree: commit, and bring the base in. It runs in a sandbox
 * that may write the worktree; the host only reads the exit code and a few lines, as a stranger's.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { readableStderr } from './git-error.ts';
import type { GitIdentity } from './worktree.ts';

const OUTPUT_MAX_BYTES = 256 * 1024;
const CONFLICTS_MAX = 200;

/** Exit codes of the scripts that are an answer. */
const EXIT = { elsewhere: 10, conflict: 11, nothing: 12, dirty: 13 } as const;

/**
 * Common to both. Hooks and signing are off: they are the agent's or the repo's programs, and here they
 * would act in the person's name.
 */
const PREAMBLE = `
cd -- "$1" || exit 3
branch="$2"
run() {
	git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c commit.gpgSign=false \\
		-c user.name="$name" -c user.email="$email" -c rerere.enabled=false -c gc.auto=0 "$@"
}
unfinished() {
	dir=$(git rev-parse --git-dir) || exit 4
	[ -e "$dir/MERGE_HEAD" ] || [ -d "$dir/rebase-merge" ] || [ -d "$dir/rebase-apply" ]
}
# What was cut off leaves its lock. The agent is idle: nobody holds one for a minute.
drop_old_lock() {
	dir=$(git rev-parse --git-dir) || exit 4
	find "$dir" -maxdepth 1 -name index.lock -type f -mmin +1 -delete
}
conflicts() { git diff --name-only --diff-filter=U --no-relative -z; exit ${EXIT.conflict}; }
on_branch() {
	current=$(git symbolic-ref --quiet HEAD) || current="no branch"
	[ "$current" = "refs/heads/$branch" ] || { printf '%s' "$current"; exit ${EXIT.elsewhere}; }
}
`;

const COMMIT_SCRIPT = `${PREAMBLE}
name="$3" email="$4" message="$5"
drop_old_lock
[ -z "$(git ls-files --unmerged | head -c 1)" ] || conflicts
on_branch
run add --all >&2 || exit 4
if ! unfinished && run diff --cached --quiet; then exit ${EXIT.nothing}; fi
run commit --quiet --no-verify --cleanup=whitespace --message="$message" >&2
`;

const UPDATE_SCRIPT = `${PREAMBLE}
name="$3" email="$4" strategy="$5" base="$6" base_branch="$7"
drop_old_lock
if [ "$strategy" = abort ]; then
	unfinished || exit ${EXIT.nothing}
	run merge --abort >&2 2>/dev/null || run rebase --abort >&2
	exit
fi
if unfinished; then conflicts; fi
on_branch
[ -z "$(run status --porcelain --untracked-files=no | head -c 1)" ] || exit ${EXIT.dirty}
run update-ref "refs/remotes/origin/$base_branch" "$base" || exit 4
if run merge-base --is-ancestor "$base" HEAD; then exit 0; fi
case "$strategy" in
	merge) run merge --quiet --no-edit --no-verify -m "Merge $base_branch into $branch" "$base" >&2 ;;
	rebase) run rebase --quiet --no-verify "$base" >&2 ;;
esac
code=$?
[ "$code" = 0 ] || ! unfinished || conflicts
exit "$code"
`;

export interface ActionTarget {
	/** As seen in the sandbox. */
	worktreePath: string;
	branchName: string;
	identity: GitIdentity;
}

/** Runs a program that may write the worktree. */
export type WriteInSandbox = (
	argv: readonly string[],
	maxBytes: number
) => Promise<Result<{ exitCode: number; output: string; stderr: string }, WireError>>;

const conflictError = (output: string): WireError => {
	const files = output.split('\0').filter((path) => path !== '');
	const named = files.slice(0, CONFLICTS_MAX).map((path) => cleanLine(path, 1_000));
	const count = files.length === 1 ? 'one file' : `${files.length} files`;
	return wireError('merge_conflict', `There are conflicts in ${count}.`, {
		details: { conflicts: named }
	});
};

const elsewhere = (output: string): WireError => {
	const current = cleanLine(output.replace(/^refs\/heads\//, ''), 200) || 'no branch';
	return wireError(
		'worktree_not_ready',
		`The worktree is on ${current}, not on the session’s branch.`,
		{
			hint: 'Ask the agent to finish what it has begun and to go back to its branch.'
		}
	);
};

const failure = (stderr: string, what: string): WireError =>
	/index\.lock/.test(stderr)
		? wireError(
				'worktree_not_ready',
				'Another git is at work in the worktree, or was cut off in it.',
				{
					hint: 'Try again in two minutes: a lock that nobody holds is removed then.'
				}
			)
		: wireError(
				'git_failed',
				`Could not ${what}: ${readableStderr(stderr) || 'git gave no reason'}`
			);

const carryOut = async (
	write: WriteInSandbox,
	argv: readonly string[],
	words: { what: string; nothing: string }
): Promise<Result<void, WireError>> => {
	const ran = await write(argv, OUTPUT_MAX_BYTES);
	if (!ran.ok) return ran;
	const { exitCode, output, stderr } = ran.value;
	switch (exitCode) {
		case 0:
			return ok();
		case EXIT.elsewhere:
			return fail(elsewhere(output));
		case EXIT.conflict:
			return fail(conflictError(output));
		case EXIT.nothing:
			return fail(wireError('nothing_to_do', words.nothing));
		case EXIT.dirty:
			return fail(
				wireError('worktree_not_ready', 'There are changes that are not committed.', {
					hint: 'Commit them first.'
				})
			);
		default:
			return fail(failure(stderr, words.what));
	}
};

const argvOf = (script: string, { worktreePath, branchName, identity }: ActionTarget): string[] => [
	...['sh', '-c', script, 'action', worktreePath, branchName, identity.name, identity.email]
];

/**
 * Commits everything that is not committed, untracked files included. Errors: `nothing_to_do`,
 * `merge_conflict`, `worktree_not_ready`, `git_failed`, and those of `write`.
 */
export const commitWorktree = (
	write: WriteInSandbox,
	target: ActionTarget,
	message: string
): Promise<Result<void, WireError>> =>
	carryOut(write, [...argvOf(COMMIT_SCRIPT, target), message], {
		what: 'commit',
		nothing: 'There is nothing to commit.'
	});

export interface UpdateSource {
	strategy: 'merge' | 'rebase' | 'abort';
	/** A whole commit id that the mirror has. */
	baseCommit: string;
	baseBranch: string;
}

/**
 * Merges the base in, or puts the session's commits on top of it. Conflicts stay in the worktree for the
 * agent; `abort` takes them back. Errors as for a commit.
 */
export const updateWorktree = (
	write: WriteInSandbox,
	target: ActionTarget,
	{ strategy, baseCommit, baseBranch }: UpdateSource
): Promise<Result<void, WireError>> =>
	carryOut(write, [...argvOf(UPDATE_SCRIPT, target), strategy, baseCommit, baseBranch], {
		what: strategy === 'abort' ? 'take the update back' : `${strategy} the base`,
		nothing: 'No update is under way.'
	});
