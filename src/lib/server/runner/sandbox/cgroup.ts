/**
 * Limits of bubblewrap sandboxes by control groups: version 1 with a hierarchy for each controller,
 * version 2 with one tree. Each sandbox gets a leaf below a folder `agent-manager`; when the machine
 * does not let us make one, the sandbox runs without limits and says so.
 */
import { constants } from 'node:fs';
import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { SandboxLimits } from './driver.ts';

const PARENT = 'agent-manager';
const CPU_PERIOD_US = 100_000;

type Controller = 'memory' | 'pids' | 'cpu';
const CONTROLLERS: readonly Controller[] = ['memory', 'pids', 'cpu'];

/** Where leaves can be made on this machine. */
export interface CgroupPlan {
	version: 1 | 2;
	/** Parent folder of each controller's leaves; the same one for all in version 2. */
	parents: Partial<Record<Controller, string>>;
	/** What can't be limited and why, in words. */
	notes: string[];
}

/** One sandbox's leaves. The shim writes its process into each before it starts anything. */
export interface CgroupLeaf {
	folders: string[];
	/** File that counts kills for lack of memory in a line `oom_kill N`. */
	oomFile: string | null;
	/** True when memory, processes and CPU are all held. */
	limited: boolean;
	notes: string[];
}

const isWritable = (path: string): Promise<boolean> =>
	access(path, constants.W_OK).then(
		() => true,
		() => false
	);

const readText = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Mount points by kind, from the text of `/proc/self/mounts`. */
export const parseCgroupMounts = (
	mounts: string
): { version1: Partial<Record<Controller, string>>; version2: string | null } => {
	const version1: Partial<Record<Controller, string>> = {};
	let version2: string | null = null;
	for (const line of mounts.split('\n')) {
		const [, mountPoint, type, options] = line.split(' ');
		if (!mountPoint) continue;
		if (type === 'cgroup2') version2 ??= mountPoint;
		if (type !== 'cgroup') continue;
		for (const controller of CONTROLLERS) {
			if (options?.split(',').includes(controller)) version1[controller] ??= mountPoint;
		}
	}
	return { version1, version2 };
};

const makeParent = async (folder: string): Promise<boolean> => {
	try {
		await mkdir(folder, { recursive: true });
		return await isWritable(join(folder, 'cgroup.procs'));
	} catch {
		return false;
	}
};

const planVersion1 = async (mounts: Partial<Record<Controller, string>>): Promise<CgroupPlan> => {
	const plan: CgroupPlan = { version: 1, parents: {}, notes: [] };
	for (const controller of CONTROLLERS) {
		const mount = mounts[controller];
		const parent = mount === undefined ? null : join(mount, PARENT);
		if (parent !== null && (await makeParent(parent))) plan.parents[controller] = parent;
		else plan.notes.push(`No limit on ${controller}: its control group may not be written.`);
	}
	return plan;
};

/** The folders of version 2 that may take ours, best first: the root, then our own ancestors. */
const version2Candidates = (mount: string, ownGroup: string): string[] => {
	const path = /^0::(\/.*)$/m.exec(ownGroup)?.[1] ?? '/';
	const parts = path.split('/').filter((part) => part !== '' && part !== '..');
	const ancestors = parts.map((_, index) => join(mount, ...parts.slice(0, parts.length - index)));
	return [mount, ...ancestors.slice(1)];
};

const planVersion2 = async (mount: string, ownGroup: string): Promise<CgroupPlan> => {
	for (const candidate of version2Candidates(mount, ownGroup)) {
		const offered = (await readText(join(candidate, 'cgroup.controllers'))).trim().split(/\s+/);
		const wanted = CONTROLLERS.filter((controller) => offered.includes(controller));
		if (wanted.length === 0 || !(await isWritable(join(candidate, 'cgroup.procs')))) continue;
		const parent = join(candidate, PARENT);
		const enable = wanted.map((controller) => `+${controller}`).join(' ');
		await writeFile(join(candidate, 'cgroup.subtree_control'), enable).catch(() => undefined);
		if (!(await makeParent(parent))) continue;
		await writeFile(join(parent, 'cgroup.subtree_control'), enable).catch(() => undefined);
		const enabled = (await readText(join(parent, 'cgroup.subtree_control'))).trim().split(/\s+/);
		const parents: CgroupPlan['parents'] = {};
		for (const controller of wanted) if (enabled.includes(controller)) parents[controller] = parent;
		if (Object.keys(parents).length === 0) continue;
		return { version: 2, parents, notes: missingNotes(parents) };
	}
	return { version: 2, parents: {}, notes: missingNotes({}) };
};

const missingNotes = (parents: CgroupPlan['parents']): string[] =>
	CONTROLLERS.filter((controller) => parents[controller] === undefined).map(
		(controller) => `No limit on ${controller}: the system does not delegate it to this user.`
	);

/** Looks where leaves can be made; makes the parent folder there. */
export const planCgroups = async (procFolder = '/proc/self'): Promise<CgroupPlan> => {
	const mounts = parseCgroupMounts(await readText(join(procFolder, 'mounts')));
	if (Object.keys(mounts.version1).length > 0) return planVersion1(mounts.version1);
	if (mounts.version2 === null) return { version: 2, parents: {}, notes: missingNotes({}) };
	return planVersion2(mounts.version2, await readText(join(procFolder, 'cgroup')));
};

const settings = (
	version: 1 | 2,
	controller: Controller,
	limits: SandboxLimits
): [file: string, value: string, required: boolean][] => {
	const quota = Math.max(1_000, Math.round(limits.cpus * CPU_PERIOD_US));
	const bytes = String(limits.memoryBytes);
	if (controller === 'pids') return [['pids.max', String(limits.pids), true]];
	if (version === 1) {
		return controller === 'memory'
			? [
					['memory.limit_in_bytes', bytes, true],
					['memory.memsw.limit_in_bytes', bytes, false]
				]
			: [
					['cpu.cfs_period_us', String(CPU_PERIOD_US), true],
					['cpu.cfs_quota_us', String(quota), true]
				];
	}
	return controller === 'memory'
		? [
				['memory.max', bytes, true],
				['memory.swap.max', '0', false]
			]
		: [['cpu.max', `${quota} ${CPU_PERIOD_US}`, true]];
};

/** Makes the leaf and sets the limits. Never fails: what can't be set becomes a note. */
export const makeLeaf = async (
	plan: CgroupPlan,
	name: string,
	limits: SandboxLimits
): Promise<CgroupLeaf> => {
	const folders = new Set<string>();
	const notes = [...plan.notes];
	let oomFile: string | null = null;
	let held = 0;
	for (const controller of CONTROLLERS) {
		const parent = plan.parents[controller];
		if (parent === undefined) continue;
		const folder = join(parent, name);
		try {
			await mkdir(folder, { recursive: true });
			folders.add(folder);
			for (const [file, value, required] of settings(plan.version, controller, limits)) {
				const written = writeFile(join(folder, file), value);
				await (required ? written : written.catch(() => undefined));
			}
			held += 1;
			if (controller === 'memory') {
				oomFile = join(folder, plan.version === 1 ? 'memory.oom_control' : 'memory.events');
			}
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			notes.push(`No limit on ${controller}: ${why}`);
		}
	}
	return { folders: [...folders], oomFile, limited: held === CONTROLLERS.length, notes };
};

const REMOVE_ATTEMPTS = 40;
const REMOVE_PAUSE_MS = 25;

const removeFolder = async (folder: string): Promise<void> => {
	for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
		try {
			return await rmdir(folder);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
			await pause(REMOVE_PAUSE_MS);
		}
	}
};

/** Removes the leaf's folders, which the kernel allows once the last process in them is collected. */
export const removeLeaf = async (folders: readonly string[]): Promise<void> => {
	await Promise.all(folders.map(removeFolder));
};
