/**
 * How the files of a worktree are kept at a moment, and put back. Both run in a sandbox, over whatever an
 * agent left: the runner keeps a checkpoint after each turn, the manager puts one back in a throw-away
 * sandbox. A checkpoint is a commit that no branch has: all files that are not ignored, on top of what was
 * committed then. It has an index of its own, which knows the files from the time before, so that only what
 * changed is read; the worktree's index, HEAD and hooks have no part in it.
 *
 * Plain `sh` with git and GNU coreutils.
 */

/** What keeps the checkpoints of a session from being collected as garbage; in its worktree's git directory. */
export const CHECKPOINT_REFS = 'refs/agent-manager/checkpoints';
const CHECKPOINT_LAST = 'refs/agent-manager/last-checkpoint';
/** What was there before files were put back, by the id of the command that asked for it. */
export const REWIND_REFS = 'refs/agent-manager/rewinds';

/** So many are kept, the newest ones. */
export const CHECKPOINTS_MAX = 200;

/** Untracked files of a hundred million bytes and more are left out, and left alone. */
const SIZE_DIGITS = 8;

const PREAMBLE = `
cd -- "$1" || exit 3
dir=$(git rev-parse --absolute-git-dir) || exit 4
own="$dir/agent-manager-index"
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT
trap 'exit 5' TERM
export GIT_OPTIONAL_LOCKS=0 LC_ALL=C
plain() {
	git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.safecrlf=false -c gc.auto=0 "$@"
}
apart() { GIT_INDEX_FILE="$own" plain "$@"; }
# Of the names, those of files and links; $1: with at most so many digits of size.
files() { xargs -0 -r stat --printf='%f %s %n\\0' -- 2>/dev/null | sed -z -n -E "s/^[8a][0-9a-f]{3} [0-9]{1,$1} //p"; }
take_in() { apart update-index -z --add --remove --replace --stdin; }
number() { tr -cd '\\000' | wc -c | tr -d ' '; }
# The index of its own, as the files are now.
look() {
	rm -f "$own.lock"
	if ! apart ls-files -z >"$scratch/own" 2>/dev/null; then rm -f "$own"; fi
	if [ ! -f "$own" ] && [ -f "$dir/index" ]; then cp -- "$dir/index" "$own" || exit 3; fi
	plain ls-files -z >"$scratch/theirs" || exit 4
	sort -z -u "$scratch/own" "$scratch/theirs" >"$scratch/known"
	files 20 <"$scratch/known" | sort -z >"$scratch/there"
	comm -z -23 "$scratch/known" "$scratch/there" >"$scratch/gone"
	if [ -s "$scratch/gone" ]; then
		apart update-index -z --force-remove --stdin <"$scratch/gone" || exit 4
	fi
	take_in <"$scratch/there" || exit 4
	apart ls-files -z --others --exclude-standard | sed -z '/\\/$/d' >"$scratch/others" || exit 4
	left_out=0
	[ -s "$scratch/others" ] || return 0
	files ${SIZE_DIGITS} <"$scratch/others" >"$scratch/small"
	take_in <"$scratch/small" || exit 4
	left_out=$(($(number <"$scratch/others") - $(number <"$scratch/small")))
}
# Sets $commit: what the index of its own has, and where HEAD is. $fresh: there was none such.
keep() {
	tree=$(apart write-tree) || exit 4
	head=$(plain rev-parse --verify --quiet 'HEAD^{commit}') || head=
	on=$(plain symbolic-ref --quiet HEAD) || on=detached
	words=$(printf 'Checkpoint\\n\\nHEAD: %s' "$on")
	last=$(plain log -1 --no-show-signature --format='%H %T %P%n%B' "${CHECKPOINT_LAST}" -- 2>/dev/null)
	commit=\${last%% *}
	fresh=
	[ "$last" != "$(printf '%s %s %s\\n%s' "$commit" "$tree" "$head" "$words")" ] || return 0
	fresh=yes
	commit=$(
		export GIT_AUTHOR_NAME=agent-manager GIT_AUTHOR_EMAIL=noreply@localhost
		export GIT_COMMITTER_NAME=agent-manager GIT_COMMITTER_EMAIL=noreply@localhost
		printf '%s\\n' "$words" | plain -c commit.gpgSign=false commit-tree "$tree" \${head:+-p "$head"}
	) || exit 4
}
`;

/** Its argument is the worktree. Prints the checkpoint's commit and how many files were left out. */
export const CHECKPOINT_SCRIPT = `${PREAMBLE}
look
keep
if [ -n "$fresh" ]; then
	{
		printf 'update %s %s\\n' "${CHECKPOINT_REFS}/$commit" "$commit" "${CHECKPOINT_LAST}" "$commit"
		plain for-each-ref --sort=-committerdate --format='delete %(refname)' "${CHECKPOINT_REFS}" |
			tail -n +${CHECKPOINTS_MAX}
	} | plain update-ref --stdin || exit 4
fi
printf '%s %s\\n' "$commit" "$left_out"
`;

/** How the script below says that there is no such checkpoint any more. */
export const EXIT_CHECKPOINT_GONE = 14;

/**
 * Its arguments are the worktree, the id of the command, the commit of a checkpoint, and the session's branch;
 * a commit of the branch itself stands for a worktree in which all is committed. What is there is kept first,
 * once for the command however often it is begun. HEAD comes last, so that what was cut off is begun anew.
 * Prints the commit of what was there, HEAD as it is now, and how many files are others.
 */
export const RESTORE_SCRIPT = `${PREAMBLE}
before="${REWIND_REFS}/$2"
target=$(plain rev-parse --verify --quiet "$3^{commit}") || exit ${EXIT_CHECKPOINT_GONE}
look
# What the target has and is ignored by now would be written over.
plain ls-tree -r -z --name-only "$target" | files 20 | take_in || exit 4
if ! plain rev-parse --verify --quiet "$before^{commit}" >/dev/null; then
	keep
	plain update-ref "$before" "$commit" || exit 4
fi
kept=$(plain rev-parse --verify "$before^{commit}") || exit 4
apart read-tree --reset -u "$target" >&2 || exit 4
plain rebase --quit >/dev/null 2>&1
parent=$(plain rev-parse --verify --quiet "$target^") || parent=
words=$(plain log -1 --no-show-signature --format=%B "$target")
on=$(printf '%s' "$words" | sed -n '1{/^Checkpoint$/!q}; s/^HEAD: //p')
[ -n "$on" ] || { on="refs/heads/$4"; parent="$target"; }
if [ -n "$parent" ]; then
	case "$on" in
		refs/heads/*) plain update-ref "$on" "$parent" && plain symbolic-ref HEAD "$on" || exit 4 ;;
		*) plain update-ref --no-deref HEAD "$parent" || exit 4 ;;
	esac
fi
rm -f "$dir/index.lock"
plain reset --quiet >&2 || exit 4
changed=$(plain diff-tree -r --no-renames --name-only -z "$kept" "$target" | number)
printf '%s %s %s\\n' "$kept" "$(plain rev-parse --verify --quiet HEAD)" "$changed"
`;

/** Once in a worktree: the files that it was given to begin with, and the commit that keeps them there. */
const CARRIED_REF = 'refs/agent-manager/carried';

/**
 * Its arguments are the worktree, the commit of a checkpoint, and one that whoever gets it has already. Prints a
 * pack of the checkpoint, and writes nothing.
 */
export const PACK_SCRIPT = `
cd -- "$1" || exit 3
git rev-parse --verify --quiet "$2^{commit}" >/dev/null || exit ${EXIT_CHECKPOINT_GONE}
known=
if git cat-file -e "$3^{commit}" 2>/dev/null; then known="^$3"; fi
printf '%s\\n' "$2" \${known:+"$known"} |
	git -c core.hooksPath=/dev/null -c pack.threads=1 pack-objects --revs --stdout --quiet --delta-base-offset
`;

/**
 * Its arguments are another session's worktree, in which no agent was yet, and the checkpoint's commit; its input
 * the pack. The files become those of the checkpoint, HEAD and index stay: what was not committed there is not
 * committed here. Done once, it stays so. Prints the commit that keeps the files here, and how many are others
 * than HEAD's.
 */
export const CARRY_SCRIPT = `${PREAMBLE}
commit=$(plain rev-parse --verify --quiet "${CARRIED_REF}^{commit}") || commit=
if [ -z "$commit" ]; then
	plain index-pack --stdin >/dev/null || exit 4
	target=$(plain rev-parse --verify --quiet "$2^{commit}") || exit 4
	look
	apart read-tree --reset -u "$target" >&2 || exit 4
	rm -f "$dir/index.lock"
	plain reset --quiet >&2 || exit 4
	keep
	printf 'update %s %s\\n' "${CHECKPOINT_REFS}/$commit" "$commit" "${CHECKPOINT_LAST}" "$commit" \\
		"${CARRIED_REF}" "$commit" | plain update-ref --stdin || exit 4
else
	cat >/dev/null
fi
printf '%s %s\\n' "$commit" "$(plain diff-tree -r --no-renames --name-only -z HEAD "$commit" | number)"
`;
