/**
 * Brings a session's commits from its worktree into the mirror. It runs git in a sandbox over what an
 * agent left there, so it may take any time or fail in any way: it is bounded, can be broken off, and a
 * failure is an event.
 */
import { existsSync } from 'node:fs';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail } from '#lib/domain/result.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

export const COLLECT_MS = 5 * 60_000;
/** A stop shows within 10 s; what takes longer comes in with the next turn, or before a purge. */
export const COLLECT_AT_END_MS = 4_000;

/** Rejects nothing and resolves at the abort at the latest, whatever `work` waits for. */
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal, late: () => T): Promise<T> =>
	new Promise((resolve, reject) => {
		signal.addEventListener('abort', () => resolve(late()), { once: true });
		work.then(resolve, reject);
	});

/** null: they are in, there are none, or something else is wanted by now. Otherwise why not. */
export const collectCommits = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	timeoutMs: number
): Promise<WireError | null> => {
	const repo = await context.findRepo(cell.repoId);
	if (!repo || cell.state.baseCommit === null) return null;
	const { worktree } = sessionPaths(context.workspaceRoot, cell.id);
	if (!existsSync(worktree)) return null;
	const redirected = new AbortController();
	runtime.collecting.add(redirected);
	const signal = AbortSignal.any([redirected.signal, AbortSignal.timeout(timeoutMs)]);
	const collected = await untilAborted(
		context.git.collect(repo, cell, worktree, signal),
		signal,
		() => fail(wireError('git_timeout', `The commits did not come in ${timeoutMs / 1_000} s.`))
	).finally(() => runtime.collecting.delete(redirected));
	if (redirected.signal.aborted) return null;
	if (!collected.ok) {
		if (runtime.collectProblem === collected.error.message) return collected.error;
		runtime.collectProblem = collected.error.message;
		await context.log.record(cell.id, () => [
			{ type: 'commits.collect_failed', payload: { error: collected.error } }
		]);
		return collected.error;
	}
	runtime.collectProblem = null;
	const { value } = collected;
	await context.log.record(cell.id, (state) =>
		value === null || value.head === state.headCommit
			? []
			: [{ type: 'commits.collected', payload: value }]
	);
	return null;
};
