/** What Linux knows of processes: CPU time, proportional memory, families. */
import { readdir, readFile } from 'node:fs/promises';

/** `USER_HZ` is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Fields of `/proc/PID/stat` from the third on; the second may hold spaces and brackets. */
const statFields = async (pid: number): Promise<string[]> => {
	const text = await read(`/proc/${pid}/stat`);
	return text.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** CPU time of the process, user and system. */
export const cpuMs = async (pid: number): Promise<number> => {
	const fields = await statFields(pid);
	return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
};

const pssKb = async (pid: number): Promise<number> =>
	Number(/^Pss:\s+(\d+) kB/m.exec(await read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

const allPids = async (): Promise<number[]> =>
	(await readdir('/proc')).map(Number).filter(Number.isInteger);

/** The processes and all that descend from them. */
export const familyOf = async (pids: readonly number[]): Promise<number[]> => {
	const parents = new Map<number, number>();
	for (const pid of await allPids()) parents.set(pid, Number((await statFields(pid))[1]));
	const family = new Set(pids);
	for (let size = 0; size !== family.size;) {
		size = family.size;
		for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
	}
	return [...family];
};

/** Processes that have the text in their command line or, where we may look, in their environment. */
export const processesWith = async (text: string): Promise<number[]> => {
	const found: number[] = [];
	for (const pid of await allPids()) {
		if (pid === process.pid) continue;
		const known = (await read(`/proc/${pid}/cmdline`)) + (await read(`/proc/${pid}/environ`));
		if (known.includes(text)) found.push(pid);
	}
	return found;
};

/** Proportional set size of all of them together, in MB. */
export const pssMb = async (pids: readonly number[]): Promise<number> => {
	let sum = 0;
	for (const pid of pids) sum += await pssKb(pid);
	return sum / 1024;
};
