/** Starts a bubblewrap sandbox's shim, detached, and waits until the inside says that it is up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { readLog } from './bubblewrap-log.ts';
import { INIT_SCRIPT, SHIM_SCRIPT } from './bubblewrap-shim.ts';
import type { CgroupLeaf } from './cgroup.ts';
import { shielded } from '#lib/server/programs/inherited-descriptors.ts';

interface Launch {
	folder: string;
	leaf: CgroupLeaf;
	filterPath: string | null;
	bwrapPath: string;
	argv: readonly string[];
	/** The whole environment inside; travels as such, never on a command line. */
	env: Record<string, string>;
	signal: AbortSignal;
}

/**
 * Null when the sandbox is up, otherwise why it is not, in bubblewrap's words where it has any. What was
 * started is left for the caller to remove.
 */
export const launchShim = async (launch: Launch): Promise<string | null> => {
	const { folder, leaf, argv, signal } = launch;
	if (signal.aborted) return 'The start was called off.';
	const groups = leaf.folders;
	const shim = spawn(
		'/bin/sh',
		[
			...['-c', SHIM_SCRIPT, 'agent-manager-shim', folder, leaf.oomFile ?? ''],
			...[String(groups.length), ...groups, launch.filterPath ?? ''],
			...[launch.bwrapPath, ...argv]
		],
		{
			detached: true,
			cwd: '/',
			env: launch.env,
			stdio: shielded(['ignore', 'ignore', 'ignore', 'pipe'])
		}
	);
	shim.unref();
	const ready = shim.stdio[3] as Readable;
	const outcome = await new Promise<'up' | 'ended' | 'aborted' | Error>((resolve) => {
		ready.once('data', () => resolve('up'));
		ready.once('close', () => resolve('ended'));
		ready.once('error', resolve);
		shim.once('error', resolve);
		signal.addEventListener('abort', () => resolve('aborted'), { once: true });
	});
	ready.destroy();
	if (outcome === 'up') return null;
	if (outcome instanceof Error) return outcome.message;
	if (outcome === 'aborted') return 'The sandbox was not up in time, or the start was called off.';
	if (shim.exitCode === null && shim.signalCode === null) await once(shim, 'exit', { signal });
	const words = await readLog(folder, 5);
	return `The sandbox did not start: ${words.join(' · ') || 'no reason given'}`;
};

/** The arguments that put our first process in front of the sandbox's program. */
export const withInit = (argv: readonly string[]): string[] => [
	...['/bin/sh', '-c', INIT_SCRIPT, 'init'],
	...argv
];
