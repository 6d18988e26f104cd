/** One program in a throw-away bubblewrap sandbox: everything read-only, no network, no door. */
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { signalProgram, type Launch, type LaunchedProgram } from '#lib/server/programs/launch.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';
import type { HostFacts } from './bubblewrap-host.ts';
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
const endFirst = (program: LaunchedProgram, firstPid: number | null): void => {
	if (!program.running) return;
	if (firstPid === null) program.kill('SIGKILL');
	else signalProgram(firstPid, false, 'SIGKILL');
};

/** A program may end without reading all its input: that is its right, not a failure. */
const feed = ({ stdin }: LaunchedProgram, input: Readable | undefined): void => {
	if (!stdin) return;
	stdin.on('error', () => undefined);
	if (input) void pipeline(input, stdin).catch(() => undefined);
	else stdin.end();
};

export const runOnceInBubblewrap = async (
	launch: Launch,
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
	const args = [
		...['-c', ENTER_SCRIPT, 'agent-manager-once', facts.filterPath ?? ''],
		...[String(groups.length), ...groups, facts.bwrapPath, ...inside]
	];
	let stopListening = (): void => undefined;
	try {
		const program = await launch('/bin/sh', args, {
			env: ONCE_ENV,
			stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
			group: false
		});
		const [, stdout, errors, , info] = program.outputs as Readable[];
		const stderr = collectTail();
		errors?.on('data', (chunk: Buffer) => stderr.add(chunk));
		feed(program, stdio.stdin);
		const firstPid = readFirstPid(info as Readable);
		const cut = (): void => void firstPid.then((pid) => endFirst(program, pid));
		signal.addEventListener('abort', cut, { once: true });
		stopListening = () => signal.removeEventListener('abort', cut);
		if (signal.aborted) cut();
		const [{ exitCode, error }] = await Promise.all([
			program.ended,
			pipeline(stdout as Readable, stdio.stdout, { end: false }).catch((cause: unknown) => {
				cut();
				throw cause;
			})
		]);
		if (error) throw error;
		if (signal.aborted) throw new Error('called off');
		return ok({ exitCode: exitCode ?? 137, stderr: stderr.text() });
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return fail(
			wireError('sandbox_start_failed', `The program in the sandbox was cut off: ${why}`)
		);
	} finally {
		stopListening();
		await removeLeaf(leaf.folders);
	}
};
