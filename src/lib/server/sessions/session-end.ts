/**
 * The ways a sandbox goes: asked to by a stop, a finish, a sleep or a purge, or by itself. What it
 * wrote and committed is taken in first, whatever the cause.
 */
import { existsSync } from 'node:fs';
import type { SandboxExit } from '#lib/server/runner/sandbox/driver.ts';
import type { ErrorCode, WireError } from '@agent-manager/protocol/errors.ts';
import type { ExitCause } from '@agent-manager/protocol/session.ts';
import type { Result } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import { wireError } from '#lib/domain/errors.ts';
import { EXIT_CAUSE_WORDS, exitCauseOf } from '#lib/domain/exit-causes.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import { deleteSession } from '#lib/server/db/sessions.ts';
import { COLLECT_AT_END_MS, COLLECT_MS, collectCommits } from './collect-commits.ts';
import { drainOutbox } from './outbox-drain.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

/** `stopped` shows within 10 s of a stop: this, and the time to kill and collect. */
const STOP_GRACE_MS = 4_000;
const LOG_LINES = 30;

/**
 * Ends the session's sandbox if there is one, and takes in what it left. Taken again after a crash in
 * its middle, it tells nothing twice.
 */
export const endSandbox = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime
): Promise<void> => {
	const { sandbox } = runtime;
	if (sandbox) {
		sandbox.stopping = true;
		if (!sandbox.exit) await sandbox.running.stop(STOP_GRACE_MS);
		// Its end is waited for however long that takes: until then it may run.
		if (!sandbox.exit && (await sandbox.running.condition()) === 'unknown') {
			await context.log.setEndingProblem(cell.id, engineAway());
		}
		const exit = sandbox.exit ?? (await sandbox.running.exited);
		await recordExit(context, cell, runtime, { ...exit, expected: true }, () => []);
		await collectCommits(context, cell, runtime, COLLECT_AT_END_MS);
		await removeSandbox(context, cell, runtime);
	}
	await context.door.close(cell.id);
};

const engineAway = (): WireError =>
	wireError(
		'engine_unreachable',
		'The Docker engine does not answer, so the sandbox can’t be ended.',
		{
			hint: 'Start the Docker engine: then it goes on by itself.'
		}
	);

/** A step that can't be taken just now, in words for a person. */
export class StepFailure extends Error {
	readonly wire: WireError;

	constructor(wire: WireError) {
		super(wire.message);
		this.wire = wire;
	}
}

type Exit = SandboxExit & { expected: boolean };

/** What a dead sandbox wrote and said last, that it is gone, and what follows from that: at once. */
const recordExit = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	exit: Exit,
	then: (state: SessionState) => ManagerEvent[]
): Promise<void> => {
	const { sessionFolder } = sessionPaths(context.workspaceRoot, cell.id);
	const epoch = runtime.sandbox?.epoch ?? cell.state.epoch;
	await drainOutbox(context.log, context.logger, cell.id, epoch, sessionFolder);
	// What was being said is kept: the runner can't say it any more.
	const cutOff = runtime.partials.list().map(({ messageId, blocks }): ManagerEvent => ({
		type: 'message.cut_off',
		payload: { messageId, blocks }
	}));
	const { exitCode, expected } = exit;
	await context.log.record(cell.id, (state) => {
		const cause = expected ? exit.cause : exitCauseOf(exit.cause, state);
		const exited: ManagerEvent = {
			type: 'sandbox.exited',
			payload: { epoch, cause, exitCode, expected }
		};
		return [...(state.exitedEpoch >= epoch ? [] : [...cutOff, exited]), ...then(state)];
	});
	runtime.partials.clear();
};

const removeSandbox = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime
): Promise<void> => {
	if (runtime.sandbox) {
		const removed = await driverOf(context, runtime)?.remove(runtime.sandbox.running.ref);
		if (removed && !removed.ok) {
			context.logger.warn({ error: removed.error, sessionId: cell.id }, 'a sandbox stays behind');
		}
	}
	runtime.sandbox = null;
};

const driverOf = (context: SessionContext, runtime: SessionRuntime) =>
	context.drivers().find((driver) => driver.kind === runtime.sandbox?.running.ref.kind);

/** Why a sandbox that nobody asked to end is gone, in words that help. */
const describeDeath = (
	cause: ExitCause,
	exitCode: number | null,
	{ runnerEnd }: SessionState,
	log: string[]
): WireError => {
	const { title, hint } = EXIT_CAUSE_WORDS[cause];
	const details = { cause, log };
	if (cause === 'agent') {
		const message = runnerEnd?.agentError ? `${title}: ${runnerEnd.agentError}` : `${title}.`;
		return wireError('agent_failed', message, { hint, details });
	}
	const code = cause === 'exited' && exitCode !== null ? ` with code ${exitCode}` : '';
	return wireError('sandbox_died', `${title}${code}.`, { hint, details });
};

/** The session is in error at once; its commits come in after that. */
export const failDeadSandbox = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	exit: SandboxExit
): Promise<void> => {
	const log = (await runtime.sandbox?.running.logs(LOG_LINES)) ?? [];
	await recordExit(context, cell, runtime, { ...exit, expected: false }, (state) => {
		const isStillWanted = isLive(state.status) && state.desired === 'live';
		if (!isStillWanted || state.epoch !== cell.state.epoch) return [];
		const error = describeDeath(exitCauseOf(exit.cause, state), exit.exitCode, state, log);
		const failedStep = state.steps.find((step) => step.status === 'running');
		const failed: ManagerEvent = { type: 'session.failed', payload: { error } };
		if (!failedStep) return [failed];
		const { name: step, startedAt } = failedStep;
		const durationMs = Math.max(0, context.now().getTime() - Date.parse(startedAt ?? ''));
		return [{ type: 'step.failed', payload: { step, durationMs, error } }, failed];
	});
	await context.door.close(cell.id);
	await collectCommits(context, cell, runtime, COLLECT_MS);
	await removeSandbox(context, cell, runtime);
};

/** Nothing the sandbox does from here on would be kept: it ends, and what is left is taken in. */
export const failLostFiles = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	what: 'worktree' | 'session folder'
): Promise<void> => {
	await endSandbox(context, cell, runtime);
	const error = wireError('session_files_lost', `The session's ${what} is gone.`, {
		details: { what }
	});
	await context.log.record(cell.id, (state) =>
		isLive(state.status) && state.desired === 'live' && state.epoch === cell.state.epoch
			? [{ type: 'session.failed', payload: { error } }]
			: []
	);
};

/** A purge that fails is taken again: the reconciler sees the error and comes back. */
const orThrow = (result: Result<unknown, WireError>): void => {
	if (!result.ok) throw new StepFailure(result.error);
};

/** What a wrecked worktree answers, now and for ever; anything else is worth another try. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set(['git_failed', 'git_timeout']);

/** The commits that no earlier look has brought in, before their worktree goes. */
const collectLast = async (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	worktree: string
): Promise<void> => {
	if (!existsSync(worktree)) return;
	const failure = await collectCommits(context, cell, runtime, COLLECT_MS);
	if (failure && !HOPELESS.has(failure.code)) throw new StepFailure(failure);
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
	await collectLast(context, cell, runtime, paths.worktree);
	if (repo) orThrow(await context.git.saveBranch(repo, cell));
	orThrow(await context.git.removeFolder(paths.worktree));
	orThrow(await context.git.removeFolder(paths.sessionFolder));
	await deleteSession(context.db, cell.id);
	context.log.forget(cell.id);
	context.hub.publishList({ type: 'session_removed', sessionId: cell.id, repoId: cell.repoId });
};
