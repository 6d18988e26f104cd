/** What Linux tells about processes. A pid is used again; with the start time it names one process for good. */
import { readFileSync } from 'node:fs';

export interface ProcessStat {
	pid: number;
	parent: number;
	/** In clock ticks since boot. */
	startTime: string;
	zombie: boolean;
	/** Halted by a signal or a debugger. */
	stopped: boolean;
}

const readOrNothing = (path: string): string => {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
};

/** Parses a line of `/proc/PID/stat`; the name in it may hold spaces and brackets. */
export const parseStat = (line: string): ProcessStat | null => {
	const end = line.lastIndexOf(')');
	const pid = Number(line.slice(0, line.indexOf(' ')));
	const fields = line.slice(end + 2).split(' ');
	const [status, parent] = fields;
	const startTime = fields[19];
	if (end < 0 || !Number.isInteger(pid) || pid < 1 || !startTime) return null;
	const zombie = status === 'Z' || status === 'X';
	const stopped = status === 'T' || status === 't';
	return { pid, parent: Number(parent), startTime, zombie, stopped };
};

export const statOf = (pid: number): ProcessStat | null =>
	parseStat(readOrNothing(`/proc/${pid}/stat`));

export const currentBootId = (): string => readOrNothing('/proc/sys/kernel/random/boot_id').trim();
