/**
 * The files that a fork takes along beside its commits: those that its turn had left and nobody had committed. They
 * go from the other session's worktree to the fork's as a pack, from one throw-away sandbox to the other; the
 * manager only passes the bytes on.
 */
import { existsSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import {
	CARRY_SCRIPT,
	EXIT_CHECKPOINT_GONE,
	PACK_SCRIPT
} from '@agent-manager/protocol/checkpoint-script.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { CarriedFiles } from '@agent-manager/protocol/rewind.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import { readableStderr } from '#lib/server/git/git-error.ts';
import { cappedStream } from './capped-output.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionCell } from './session-view.ts';

/** More that is not committed is no work of a turn. */
const PACK_MAX_BYTES = 1_024 * 1_048_576;
const CARRY_MS = 2 * 60_000;
const SAID_MAX_BYTES = 4_096;

const leftBehind = (problem: string): Result<CarriedFiles, never> =>
	ok({ checkpoint: null, filesChanged: 0, problem });

/** Errors are those of the sandboxes: then trying again may help. What is gone is said in the answer. */
export const carryFiles = async (
	context: SessionContext,
	repo: RepoRow,
	cell: SessionCell,
	fork: ForkPoint,
	signal: AbortSignal
): Promise<Result<CarriedFiles, WireError>> => {
	const { checkpoint, commit } = fork;
	if (!checkpoint) return leftBehind('The files of that turn were not kept.');
	const from = sessionPaths(context.workspaceRoot, fork.sessionId as SessionId).worktree;
	if (!existsSync(from)) return leftBehind('The other session’s worktree is gone.');
	const pack = new PassThrough();
	// Who reads it fails, and says so.
	pack.on('error', () => undefined);
	const output = cappedStream(pack, PACK_MAX_BYTES);
	const read = new AbortController();
	const limit = AbortSignal.any([signal, AbortSignal.timeout(CARRY_MS)]);
	const packing = context.git
		.printFolder(
			repo,
			cell,
			{
				folder: from,
				session: fork.sessionId as SessionId,
				argv: ['sh', '-c', PACK_SCRIPT, 'pack', from, checkpoint, commit]
			},
			output.stream,
			AbortSignal.any([limit, output.full, read.signal])
		)
		.then((packed) => {
			if (packed.ok && packed.value.exitCode === 0) output.stream.end();
			else pack.destroy(new Error('the pack was cut off'));
			return packed;
		});
	const { worktree } = sessionPaths(context.workspaceRoot, cell.id);
	const carried = await context.git.runInWorktree(
		repo,
		cell,
		{
			worktreePath: worktree,
			argv: ['sh', '-c', CARRY_SCRIPT, 'carry', worktree, checkpoint],
			input: pack,
			maxBytes: SAID_MAX_BYTES,
			writable: true
		},
		limit
	);
	// What nobody reads any more would wait for ever.
	read.abort();
	const packed = await packing;
	if (output.full.aborted) return leftBehind('They are too large.');
	if (carried.ok && carried.value.exitCode === 0) {
		const said = /^([0-9a-f]{40,64}) (\d{1,9})\n$/.exec(carried.value.output);
		if (said?.[1]) return ok({ checkpoint: said[1], filesChanged: Number(said[2]), problem: null });
	}
	if (!packed.ok) return packed;
	if (packed.value.exitCode === EXIT_CHECKPOINT_GONE) {
		return leftBehind('The files of that turn are not kept any more.');
	}
	if (!carried.ok) return carried;
	const reason = readableStderr(packed.value.stderr || carried.value.stderr);
	return leftBehind(reason || 'git gave no reason.');
};
