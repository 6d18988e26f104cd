/** How a short program is started, and what its starter holds of it. */
import { spawn, type StdioOptions } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface LaunchOptions {
	env: Readonly<Record<string, string>>;
	/** One for each descriptor: it leads nowhere, or to the starter. */
	stdio: readonly ('ignore' | 'pipe')[];
	/** It leads a process group of its own, and `kill` ends all of that. */
	group: boolean;
}

export interface ProgramEnd {
	/** Null when a signal ended it, or when that can't be known any more. */
	exitCode: number | null;
	/** Why it can't be known. */
	error: Error | null;
}

export interface LaunchedProgram {
	readonly pid: number;
	/** Its end is not known yet. */
	readonly running: boolean;
	/** What it reads on descriptor 0; null: nothing. */
	readonly stdin: Writable | null;
	/** What it writes, by descriptor; null where that leads nowhere. Each has to be read to its end. */
	readonly outputs: readonly (Readable | null)[];
	/** Resolves when it has ended and all that it wrote has been read. Never rejects. */
	readonly ended: Promise<ProgramEnd>;
	/** Also after its own end, as long as something in its group holds an output open. */
	kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program in `/`. Rejects with the system's error (`code` is `ENOENT` where there is no such
 * program) when it can't be started.
 */
export type Launch = (
	program: string,
	args: readonly string[],
	options: LaunchOptions
) => Promise<LaunchedProgram>;

/** Ends a program or its whole group; one that has ended is left alone. */
export const signalProgram = (pid: number, group: boolean, signal: NodeJS.Signals): void => {
	try {
		process.kill(group ? -pid : pid, signal);
	} catch {
		// It ended by itself.
	}
};

/**
 * Starts it as a child of this process. That copies the page tables of this process, during which nothing
 * else happens in it: what has a large memory and much to do launches by a `Launcher`.
 */
export const launchHere: Launch = (program, args, { env, stdio, group }) =>
	new Promise((resolve, reject) => {
		const child = spawn(program, args, {
			env,
			cwd: '/',
			detached: group,
			stdio: [...stdio] as StdioOptions
		});
		let running = true;
		const ended = new Promise<ProgramEnd>((end) => {
			child.once('exit', () => (running = false));
			child.once('close', (exitCode) => end({ exitCode, error: null }));
		});
		child.once('error', reject);
		child.once('spawn', () =>
			resolve({
				pid: child.pid as number,
				get running() {
					return running;
				},
				stdin: child.stdin,
				outputs: child.stdio.map((stream, index) => (index === 0 ? null : (stream as Readable))),
				ended,
				kill: (signal) => {
					if (running || group) signalProgram(child.pid as number, group, signal);
				}
			})
		);
	});
