/**
 * Puts a worktree's files back to a checkpoint, in a sandbox that may write it; what it says is read as a
 * stranger's.
 */
import {
	EXIT_CHECKPOINT_GONE,
	RESTORE_SCRIPT,
	REWIND_REFS
} from '@agent-manager/protocol/checkpoint-script.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { readableStderr } from './git-error.ts';
import type { WriteInSandbox } from './worktree-actions.ts';

const OUTPUT_MAX_BYTES = 4_096;

export interface Restored {
	/** Where the worktree's HEAD is now; null: nowhere. */
	head: string | null;
	filesChanged: number;
}

export interface RestoreTarget {
	/** As seen in the sandbox. */
	worktreePath: string;
	branchName: string;
	/** The command that asks for it: what was there is kept once for each. */
	commandId: string;
}

/** What was there before the files were put back for that command. */
export const filesBefore = (commandId: string): string => `${REWIND_REFS}/${commandId}`;

/** `checkpoint`: its commit or ref. Errors: `not_found`, `git_failed`, and those of `write`. */
export const restoreCheckpoint = async (
	write: WriteInSandbox,
	{ worktreePath, branchName, commandId }: RestoreTarget,
	checkpoint: string
): Promise<Result<Restored, WireError>> => {
	const argv = [
		...['sh', '-c', RESTORE_SCRIPT, 'restore'],
		...[worktreePath, commandId, checkpoint, branchName]
	];
	const ran = await write(argv, OUTPUT_MAX_BYTES);
	if (!ran.ok) return ran;
	const { exitCode, output, stderr } = ran.value;
	if (exitCode === EXIT_CHECKPOINT_GONE) {
		return fail(
			wireError('not_found', 'The files of that moment are not kept any more.', {
				hint: 'Rewind the conversation alone, and keep the files as they are.'
			})
		);
	}
	const [, , head, changed] =
		/^([0-9a-f]{40,64}) ([0-9a-f]{40,64})? (\d{1,9})\n$/.exec(output) ?? [];
	if (exitCode !== 0 || changed === undefined) {
		const reason = readableStderr(stderr) || 'git gave no reason';
		return fail(wireError('git_failed', `The files could not be put back: ${reason}`));
	}
	return ok({ head: head ?? null, filesChanged: Number(changed) });
};
