import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeLeaf, parseCgroupMounts, planCgroups } from './cgroup.ts';

const limits = { cpus: 1.5, memoryBytes: 1_000_000, pids: 77 };

describe('parseCgroupMounts', () => {
	it('finds the controllers of version 1 and the tree of version 2', () => {
		const mounts = [
			'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
			'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
			'cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0',
			'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0'
		].join('\n');
		expect(parseCgroupMounts(mounts)).toEqual({
			version1: { cpu: '/sys/fs/cgroup/cpu,cpuacct', memory: '/sys/fs/cgroup/memory' },
			version2: '/sys/fs/cgroup/unified'
		});
		expect(parseCgroupMounts('')).toEqual({ version1: {}, version2: null });
	});
});

describe('control groups, on a folder that looks like them', () => {
	let folder = '';

	beforeEach(async () => {
		folder = await mkdtemp(join(tmpdir(), 'am-cgroup-'));
		await mkdir(join(folder, 'proc'));
	});

	afterEach(() => rm(folder, { recursive: true, force: true }));

	const layVersion2 = async (controllers: string): Promise<void> => {
		const tree = join(folder, 'tree');
		await mkdir(join(tree, 'agent-manager'), { recursive: true });
		await writeFile(join(folder, 'proc/mounts'), `cgroup2 ${tree} cgroup2 rw 0 0\n`);
		await writeFile(join(folder, 'proc/cgroup'), '0::/user.slice\n');
		await writeFile(join(tree, 'cgroup.controllers'), controllers);
		for (const name of ['cgroup.procs', 'cgroup.subtree_control']) {
			await writeFile(join(tree, name), '');
			await writeFile(join(tree, 'agent-manager', name), '');
		}
	};

	it('asks version 2 for what it offers, and says what it does not', async () => {
		await layVersion2('cpuset memory pids');
		const control = join(folder, 'tree/agent-manager/cgroup.subtree_control');
		const plan = await planCgroups(join(folder, 'proc'));
		expect(await readFile(control, 'utf8')).toBe('+memory +pids');
		expect(plan.version).toBe(2);
	});

	it('writes the limits of version 2', async () => {
		const parent = join(folder, 'parent');
		const plan = {
			...{ version: 2 as const, notes: [] },
			parents: { memory: parent, pids: parent, cpu: parent }
		};
		const leaf = await makeLeaf(plan, 'leaf', limits);
		expect(leaf).toMatchObject({ limited: true, notes: [], folders: [join(parent, 'leaf')] });
		expect(leaf.oomFile).toBe(join(parent, 'leaf/memory.events'));
		const read = (name: string): Promise<string> => readFile(join(parent, 'leaf', name), 'utf8');
		expect(await read('memory.max')).toBe('1000000');
		expect(await read('memory.swap.max')).toBe('0');
		expect(await read('pids.max')).toBe('77');
		expect(await read('cpu.max')).toBe('150000 100000');
	});

	it('says when nothing can be limited', async () => {
		await writeFile(join(folder, 'proc/mounts'), 'tmpfs /tmp tmpfs rw 0 0\n');
		const plan = await planCgroups(join(folder, 'proc'));
		const leaf = await makeLeaf(plan, 'leaf', limits);
		expect(leaf).toMatchObject({ limited: false, folders: [], oomFile: null });
		expect(leaf.notes).toHaveLength(3);
	});

	it('is not limited when one controller is missing', async () => {
		const parent = join(folder, 'parent');
		const plan = { version: 2 as const, notes: ['No limit on cpu'], parents: { pids: parent } };
		const leaf = await makeLeaf(plan, 'leaf', limits);
		expect(leaf.limited).toBe(false);
		expect(leaf.notes).toEqual(['No limit on cpu']);
		expect(existsSync(join(parent, 'leaf/pids.max'))).toBe(true);
	});
});
