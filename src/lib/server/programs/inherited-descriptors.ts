/**
 * File descriptors that the manager itself was started with (by a supervisor, a terminal, a test tool)
 * and that every child would get too. None may reach a sandbox: each is covered with /dev/null.
 */
import type { IOType, StdioOptions } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2_000_000;

const isInheritable = (descriptor: number): boolean => {
	try {
		const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
		const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8);
		return (flags & CLOSE_ON_EXEC) === 0;
	} catch {
		return false;
	}
};

let inherited: { descriptors: number[]; cover: number } | null = null;

/** Looked up once: Node opens everything later with close-on-exec. */
const findInherited = (): { descriptors: number[]; cover: number } => {
	inherited ??= {
		descriptors: readdirSync('/proc/self/fd')
			.map(Number)
			.filter((fd) => fd > 2 && isInheritable(fd)),
		cover: openSync('/dev/null', 'r')
	};
	return inherited;
};

/** `stdio` for `spawn`, with every inherited descriptor beyond it covered. */
export const shielded = (stdio: readonly (IOType | 'ipc')[]): StdioOptions => {
	const { descriptors, cover } = findInherited();
	const all: (IOType | 'ipc' | number)[] = [...stdio];
	for (const descriptor of descriptors) {
		if (descriptor < stdio.length) continue;
		while (all.length < descriptor) all.push('ignore');
		all[descriptor] = cover;
	}
	return all;
};
