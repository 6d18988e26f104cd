/**
 * The small processes around a bubblewrap sandbox, as POSIX shell texts that never change: everything
 * that varies arrives as an argument. The shim is detached from the manager, holds the sandbox, and
 * leaves a record in its folder, so that a manager started later finds out all that happened:
 *
 * | file | what |
 * | --- | --- |
 * | `sandbox.json` | labels, limits in force, boot id; written by the manager before the shim |
 * | `shim` | the shim's line of `/proc/PID/stat`: pid and start time |
 * | `info` | bubblewrap's JSON with the pid of the sandbox's first process |
 * | `init` | that process's line of `/proc/PID/stat`, once the manager has seen it |
 * | `log`, `log.old` | what the runner printed; a fresh one is begun after 1,024 writes |
 * | `exit` | `CODE OOM_KILLS`, by rename, once the sandbox is no more |
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { currentBootId, parseStat, statOf, type ProcessStat } from '#lib/server/process-stat.ts';
import type { SandboxExit } from './driver.ts';
import { exitOfCode, RUNNER_KILLED_OFFSET } from './exit-code.ts';

/**
 * Arguments: folder, file that counts kills for lack of memory or '', number of control groups, the
 * groups, file with the system call filter or '', then `bwrap` and its arguments. Descriptor 3 of the
 * caller is handed to the inside, to say that it is up.
 */
export const SHIM_SCRIPT = `
dir=$1 oom_file=$2 groups=$3
shift 3
join=
while [ "$groups" -gt 0 ]; do join="$join $1"; groups=$((groups - 1)); shift; done
filter=$1
shift
cd / && umask 077
read -r stat < /proc/$$/stat
echo "$stat" > "$dir/shim"
mkfifo "$dir/out" || exit 1
enter() { for group in $join; do echo 0 > "$group/cgroup.procs"; done; }
(
	enter
	exec 3>&- < "$dir/out" > /dev/null 2>&1
	while dd bs=4096 count=1024 of="$dir/log"; do
		[ -s "$dir/log" ] || break
		mv "$dir/log" "$dir/log.old"
	done
	exec cat
) &
keeper=$!
(
	enter
	umask 022
	exec 4> "$dir/info"
	if [ -n "$filter" ]; then exec 5< "$filter"; fi
	exec "$@" < /dev/null > "$dir/out" 2>&1
) &
child=$!
exec 3>&- > /dev/null 2>&1
wait $child
code=$?
wait $keeper
kills=0
if [ -n "$oom_file" ]; then
	while read -r key value; do [ "$key" = oom_kill ] && kills=$value; done < "$oom_file"
fi
echo "$code $kills" > "$dir/exit.new"
mv "$dir/exit.new" "$dir/exit"
if [ -n "$join" ]; then rmdir $join; fi
`;

/**
 * First process inside: says on descriptor 3 that it is up, runs the program, passes SIGTERM on,
 * reaps orphans, and ends with the program's exit code, which ends everything else inside. One that a
 * signal ended is told from a sandbox that was killed whole, see `exit-code.ts`.
 */
export const INIT_SCRIPT = `
echo up >&3
exec 3>&- 4>&- 5<&-
"$@" &
child=$!
trap 'kill -TERM $child' TERM
while :; do
	wait $child
	code=$?
	kill -0 $child 2>/dev/null && continue
	[ $code -gt 128 ] && code=$((code + ${RUNNER_KILLED_OFFSET}))
	exit $code
done
`;

const recordSchema = z.object({
	instance: z.string().min(1),
	session: z.string().min(1),
	epoch: z.int().min(1),
	bootId: z.string(),
	groups: z.array(z.string()),
	/** Counts kills for lack of memory. */
	oomFile: z.string().nullable().default(null),
	limited: z.boolean(),
	notes: z.array(z.string())
});
export type SandboxRecord = z.infer<typeof recordSchema>;

const readOr = <T>(path: string, otherwise: T): string | T => {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return otherwise;
	}
};

/** Null when the folder holds no sandbox of ours. */
export const readRecord = (folder: string): SandboxRecord | null => {
	try {
		return recordSchema.parse(JSON.parse(readFileSync(join(folder, 'sandbox.json'), 'utf8')));
	} catch {
		return null;
	}
};

/** It lives, and is that very process. */
export const isStillThere = ({ pid, startTime }: ProcessStat): boolean => {
	const now = statOf(pid);
	return now !== null && !now.zombie && now.startTime === startTime;
};

/** The shim's pid while it is that very process, otherwise null. */
export const liveShim = (folder: string, bootId: string): number | null => {
	const recorded = parseStat(readOr(join(folder, 'shim'), ''));
	if (!recorded || bootId !== currentBootId()) return null;
	return isStillThere(recorded) ? recorded.pid : null;
};

/** By the chain first process → bwrap → shim: while the shim lives, no pid of it can have been reused. */
const initByChain = (folder: string, bootId: string): ProcessStat | null => {
	const shim = liveShim(folder, bootId);
	const pid = /"child-pid":\s*(\d+)/.exec(readOr(join(folder, 'info'), ''))?.[1];
	if (shim === null || pid === undefined) return null;
	const init = statOf(Number(pid));
	const monitor = init && statOf(init.parent);
	return init && monitor?.parent === shim ? init : null;
};

/** Keeps what names the first process for good, for the case that its shim is killed. */
export const rememberInit = (folder: string, bootId: string): void => {
	const init = initByChain(folder, bootId);
	if (!init) return;
	const path = join(folder, 'init');
	writeFileSync(path, readOr(`/proc/${init.pid}/stat`, ''), { mode: 0o600 });
};

/**
 * Pid of the sandbox's first process while it lives, otherwise null. Killing it ends all inside. It may
 * outlive its shim: a root manager's sandbox has another uid than the processes that would take it down.
 */
export const liveInit = (folder: string, bootId: string): number | null => {
	const chained = initByChain(folder, bootId);
	if (chained) return chained.pid;
	const recorded = parseStat(readOr(join(folder, 'init'), ''));
	if (!recorded || bootId !== currentBootId()) return null;
	return isStillThere(recorded) ? recorded.pid : null;
};

/** Shim and first process, so that they are known whatever becomes of the folder. */
export const liveProcesses = (folder: string, bootId: string): ProcessStat[] =>
	[liveShim(folder, bootId), liveInit(folder, bootId)].flatMap((pid) => {
		const stat = pid === null ? null : statOf(pid);
		return stat ? [stat] : [];
	});

export const isInitStopped = (folder: string, bootId: string): boolean => {
	const init = liveInit(folder, bootId);
	return init !== null && (statOf(init)?.stopped ?? false);
};

/** How often the kernel has killed for lack of memory in the sandbox; null where nobody counts. */
export const readMemoryKills = (oomFile: string | null): number | null => {
	if (oomFile === null) return null;
	const count = /^oom_kill (\d+)$/m.exec(readOr(oomFile, ''))?.[1];
	return count === undefined ? null : Number(count);
};

/**
 * How the sandbox ended, or null while the shim lives and has written nothing. `lost`: the shim is gone
 * without a word; what was inside may live on, see `liveInit`. A process that was killed for lack of memory
 * long ago is not why the sandbox ended: `killsBefore` are those that are known to be older.
 */
export const readExit = (folder: string, bootId: string, killsBefore = 0): SandboxExit | null => {
	const read = (): SandboxExit | null => {
		const [code, kills] = readOr(join(folder, 'exit'), '').trim().split(' ').map(Number);
		if (code === undefined || kills === undefined || Number.isNaN(code)) return null;
		const exit = exitOfCode(code);
		return kills > killsBefore && code !== 0 ? { ...exit, cause: 'oom' } : exit;
	};
	const exit = read();
	if (exit || liveShim(folder, bootId) !== null) return exit;
	const cause = bootId === currentBootId() ? 'lost' : 'host';
	return read() ?? { cause: readRecord(folder) ? cause : 'removed', exitCode: null };
};
