/**
 * The ways a sandbox goes: asked to by a stop, a finish, a sleep or a purge, or by itself. What it
 * wrote and committed is taken in first, whatever the cause.
 */
import type { SandboxExit } from '#lib/server/runner/sandbox/driver.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import { wireError } from '#lib/domain/errors.ts';
import { deleteSession } from '#lib/server/db/sessions.ts';
import { drainOutbox } from './outbox-drain.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

/** `stopped` shows within 10 s of a stop: this, and the time to kill and collect. */
const STOP_GRACE_MS = 4_000;
const LOG_LINES = 30;

/** Fetches the branch's commits into the mirror and says so; a failure is said too. */
export const collectCommits = async (context: SessionContext, cell: SessionCell): Promise<void> => {
	const repo = await context.findRepo(cell.repoId);
	if (!repo || cell.state.baseCommit === null) return;
	const paths = sessionPaths(context.workspaceRoot, cell.id);
	const collected = await context.git.collect(repo, cell, paths.worktree);
	if (collected.ok) {
		const { value } = collected;
		await context.log.record(cell.id, (state) =>
			value === null || value.head === state.headCommit
				? []
				: [{ type: 'commits.collected', payload: value }]
		);
		return;
	}
	await context.log.record(cell.id, () => [
		{ type: 'commits.collect_failed', payload: { error: collected.error } }
	]);
};

/** Ends the session's sandbox if there is one, and takes in what it left. */
export const endSandbox = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime
): Promise<void> => {
	const { sandbox } = runtime;
	if (sandbox) {
		sandbox.stopping = true;
		if (!sandbox.exit) await sandbox.running.stop(STOP_GRACE_MS);
		const exit = sandbox.exit ?? (await sandbox.running.exited);
		await takeIn(context, cell, runtime, exit, true);
	}
	await context.door.close(cell.id);
};

/** Everything a sandbox that is gone has left: its outbox, its commits, and the fact itself. */
export const takeIn = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	exit: SandboxExit,
	expected: boolean
): Promise<void> => {
	const paths = sessionPaths(context.workspaceRoot, cell.id);
	const epoch = runtime.sandbox?.epoch ?? cell.state.epoch;
	await drainOutbox(context.log, context.logger, cell.id, epoch, paths.sessionFolder);
	await recordPartials(context, cell, runtime);
	await context.log.record(cell.id, () => [
		{ type: 'sandbox.exited', payload: { epoch, ...exit, expected } }
	]);
	await collectCommits(context, cell);
	if (runtime.sandbox) {
		const removed = await driverOf(context, runtime)?.remove(runtime.sandbox.running.ref);
		if (removed && !removed.ok) {
			context.logger.warn({ error: removed.error, sessionId: cell.id }, 'a sandbox stays behind');
		}
	}
	runtime.sandbox = null;
};

/** What was being said when the sandbox died is kept: the runner can't say it any more. */
const recordPartials = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime
): Promise<void> => {
	const events = runtime.partials.list().map(({ messageId, blocks }): ManagerEvent => ({
		type: 'message.cut_off',
		payload: { messageId, blocks }
	}));
	runtime.partials.clear();
	if (events.length > 0) await context.log.record(cell.id, () => events);
};

const driverOf = (context: SessionContext, runtime: SessionRuntime) =>
	context.drivers().find((driver) => driver.kind === runtime.sandbox?.running.ref.kind);

/** Says why a sandbox that nobody asked to end is gone, in words that help. */
export const failDeadSandbox = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	exit: SandboxExit
): Promise<void> => {
	const logLines = (await runtime.sandbox?.running.logs(LOG_LINES)) ?? [];
	await takeIn(context, cell, runtime, exit, false);
	await context.door.close(cell.id);
	const causes: Record<SandboxExit['cause'], string> = {
		exited: `The sandbox ended by itself with code ${exit.exitCode ?? 'unknown'}.`,
		killed: 'The sandbox was killed from outside.',
		oom: 'The sandbox ran out of memory.',
		removed: 'The sandbox was removed from outside.',
		engine: 'The Docker engine went away with the sandbox.',
		lost: 'The sandbox was gone when the app came back.'
	};
	const details = { cause: exit.cause, log: logLines };
	const error =
		exit.cause === 'exited' && runtime.agentError !== null
			? wireError('agent_failed', `Claude Code ended: ${runtime.agentError}`, { details })
			: wireError('sandbox_died', causes[exit.cause], { details });
	runtime.agentError = null;
	await context.log.record(cell.id, (state) => {
		const failedStep = state.steps.find((step) => step.status === 'running');
		const step: ManagerEvent[] = failedStep
			? [
					{
						type: 'step.failed',
						payload: {
							step: failedStep.name,
							durationMs: Math.max(
								0,
								context.now().getTime() - Date.parse(failedStep.startedAt ?? '')
							),
							error
						}
					}
				]
			: [];
		return [...step, { type: 'session.failed', payload: { error } }];
	});
};

/** A purge that fails is taken again: the reconciler sees the error and comes back. */
const orThrow = (result: Result<unknown, WireError>): void => {
	if (!result.ok) throw new Error(result.error.message);
};

/** Removes worktree, session folder and rows; commits that no remote has stay under a saved ref. */
export const purgeSession = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime
): Promise<void> => {
	await endSandbox(context, cell, runtime);
	const repo = await context.findRepo(cell.repoId);
	const paths = sessionPaths(context.workspaceRoot, cell.id);
	if (repo) orThrow(await context.git.saveBranch(repo, cell));
	orThrow(await context.git.removeFolder(paths.worktree));
	orThrow(await context.git.removeFolder(paths.sessionFolder));
	await deleteSession(context.db, cell.id);
	context.log.forget(cell.id);
	context.hub.publishList({ type: 'session_removed', sessionId: cell.id, repoId: cell.repoId });
};
