/** One program in a throw-away bubblewrap sandbox: everything read-only, no network, no door. */
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';
import type { HostFacts } from './bubblewrap-host.ts';
import { shielded } from './inherited-descriptors.ts';
import { makeLeaf, removeLeaf } from './cgroup.ts';
import type { RunOnceSpec } from './driver.ts';
import { collectTail, ONCE_ENV, ONCE_LIMITS } from './run-once.ts';

/** Enters the control groups, opens the filter, becomes `bwrap`. */
const ENTER_SCRIPT = `
filter=$1 groups=$2
shift 2
while [ "$groups" -gt 0 ]; do echo 0 > "$1/cgroup.procs"; groups=$((groups - 1)); shift; done
if [ -n "$filter" ]; then exec 5< "$filter"; fi
exec "$@"
`;

/**
 * Pid of the sandbox's first process, which bubblewrap says before it runs anything in it. All it says is
 * read: a pipe closed too early would kill it half-way.
 */
const readFirstPid = (info: Readable): Promise<number | null> =>
	new Promise((resolve) => {
		let text = '';
		info.on('data', (chunk: Buffer) => {
			text += chunk.toString('utf8');
			const pid = /"child-pid":\s*(\d+)\D/.exec(text)?.[1];
			if (pid !== undefined) resolve(Number(pid));
		});
		info.on('error', () => resolve(null));
		info.on('close', () => resolve(null));
	});

/** Ends all that is inside; while bubblewrap has not ended, that pid is nobody else's. */
const endFirst = (child: ChildProcess, firstPid: number | null): void => {
	if (child.exitCode !== null || child.signalCode !== null) return;
	try {
		if (firstPid !== null) process.kill(firstPid, 'SIGKILL');
		else child.kill('SIGKILL');
	} catch {
		// It ended in the meantime.
	}
};

export const runOnceInBubblewrap = async (
	facts: HostFacts,
	spec: RunOnceSpec,
	argv: readonly string[],
	stdio: { stdin?: Readable; stdout: Writable },
	signal: AbortSignal
): Promise<Result<{ exitCode: number; stderr: string }, WireError>> => {
	if (signal.aborted) return fail(wireError('sandbox_start_failed', 'It was called off.'));
	const leaf = await makeLeaf(facts.cgroups, `once-${randomUUID()}`, ONCE_LIMITS);
	const inside = bubblewrapArguments(
		facts.host,
		[{ path: spec.mirrorObjectsPath }, { path: spec.worktreePath, writable: spec.writable }],
		{
			workingDirectory: spec.worktreePath,
			temporaryBytes: ONCE_LIMITS.memoryBytes,
			seccompFd: facts.filterPath === null ? null : 5,
			infoFd: 4
		},
		argv
	);
	const groups = leaf.folders;
	const child = spawn(
		'/bin/sh',
		[
			...['-c', ENTER_SCRIPT, 'agent-manager-once', facts.filterPath ?? ''],
			...[String(groups.length), ...groups, facts.bwrapPath, ...inside]
		],
		{
			cwd: '/',
			env: ONCE_ENV,
			stdio: shielded(['pipe', 'pipe', 'pipe', 'ignore', 'pipe'])
		}
	) as ChildProcessWithoutNullStreams;
	const stderr = collectTail();
	child.stderr.on('data', (chunk: Buffer) => stderr.add(chunk));
	// A program may end without reading all its input: that is its right, not a failure.
	if (stdio.stdin) void pipeline(stdio.stdin, child.stdin).catch(() => undefined);
	else child.stdin.end();
	child.stdin.on('error', () => undefined);
	const firstPid = readFirstPid(child.stdio[4] as Readable);
	const cut = (): void => void firstPid.then((pid) => endFirst(child, pid));
	signal.addEventListener('abort', cut, { once: true });
	try {
		const ended = new Promise<number>((resolve, reject) => {
			child.once('error', reject);
			child.once('close', (code) => resolve(code ?? 137));
		});
		const [exitCode] = await Promise.all([
			ended,
			pipeline(child.stdout, stdio.stdout, { end: false }).catch((error: unknown) => {
				cut();
				throw error;
			})
		]);
		if (signal.aborted) throw new Error('called off');
		return ok({ exitCode, stderr: stderr.text() });
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return fail(
			wireError('sandbox_start_failed', `The program in the sandbox was cut off: ${why}`)
		);
	} finally {
		signal.removeEventListener('abort', cut);
		await removeLeaf(leaf.folders);
	}
};
