/**
 * Brings a session to life: mirror, worktree, sandbox, runner, agent. Every step may be taken again
 * after a crash in its middle: it finds what is there and goes on.
 */
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { RunningSandbox, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths, type SessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import { sessionToken } from './session-tokens.ts';
import type { SessionCell } from './session-view.ts';
import { makeStartFiles } from './start-files.ts';
import { StartSteps, type StepLog } from './start-steps.ts';

/** An agent that has said nothing for so long holds nobody else up. */
const AGENT_QUIET_MS = 10_000;
/** From the sandbox's start to the runner's first word. */
const HELLO_TIMEOUT_MS = 30_000;
const LOG_LINES = 20;

class SessionStart {
	readonly #context: SessionContext;
	readonly #cell: SessionCell;
	readonly #runtime: SessionRuntime;
	readonly #signal: AbortSignal;
	readonly #epoch: number;
	readonly #paths: SessionPaths;
	readonly #steps: StartSteps;
	#freeSlot: () => void = () => undefined;

	constructor(
		context: SessionContext,
		cell: SessionCell,
		runtime: SessionRuntime,
		signal: AbortSignal
	) {
		this.#context = context;
		this.#cell = cell;
		this.#runtime = runtime;
		this.#signal = signal;
		this.#epoch = cell.state.epoch;
		this.#paths = sessionPaths(context.workspaceRoot, cell.id);
		this.#steps = new StartSteps(context.log, cell.id, this.#epoch, signal);
	}

	/** Up to a connected runner. A failure is recorded; the caller cleans up. */
	async run(): Promise<Result<void, WireError>> {
		let result: Result<void, WireError> | null = null;
		try {
			result = await this.#allSteps();
		} finally {
			if (result?.ok) this.#freeSlotOnceAgentSpeaks();
			else this.#freeSlot();
		}
		if (!result.ok && !this.#signal.aborted) {
			this.#steps.record({ type: 'session.failed', payload: { error: result.error } });
		}
		await this.#steps.written();
		return result;
	}

	async #allSteps(): Promise<Result<void, WireError>> {
		const repo = await this.#context.findRepo(this.#cell.repoId);
		if (!repo) return fail(wireError('repo_not_found', 'The repo of this session is gone.'));
		// Asked while the files are made: to look whether a driver works takes as long as they do.
		const choosing = this.#context.chooseDriver(this.#cell.state.driver);
		choosing.catch(() => undefined);
		const files = await makeStartFiles({
			...{ context: this.#context, cell: this.#cell, repo },
			...{ paths: this.#paths, steps: this.#steps, signal: this.#signal }
		});
		if (!files.ok) return files;
		const chosen = await this.#steps.run('image', async (say) => {
			const choice = await choosing;
			if (choice.ok) say(`sandbox driver: ${choice.value.driver.kind}`, ...choice.value.notes);
			return choice;
		});
		if (!chosen.ok) return chosen;
		const { driver, notes } = chosen.value;
		const started = await this.#steps.run('sandbox', async (say) => {
			const { startSlots } = this.#context;
			if (startSlots.areTaken) say('waiting for other sessions to start');
			const free = await startSlots.acquire(this.#signal);
			if (!free) return fail(wireError('sandbox_start_failed', 'The start was broken off.'));
			this.#freeSlot = free;
			return this.#sandbox(repo, driver);
		});
		if (!started.ok) return started;
		const running = started.value;
		this.#steps.record({
			type: 'sandbox.started',
			payload: {
				driver: driver.kind,
				epoch: this.#epoch,
				limited: running.limited,
				notes: [...notes, ...running.notes]
			}
		});
		return this.#steps.run('runner', (say) => this.#hello(running, say));
	}

	/** The agent's own start costs most; its step is over with its first word, or with the session. */
	#freeSlotOnceAgentSpeaks(): void {
		const done = (): void => {
			clearTimeout(timer);
			stopListening();
			this.#freeSlot();
		};
		const timer = setTimeout(done, AGENT_QUIET_MS);
		const stopListening = this.#context.hub.onSession(this.#cell.id, (signal) => {
			if (signal.type !== 'session') return;
			const step = signal.session.steps.find(({ name }) => name === 'agent');
			if (step?.status !== 'running' && step?.status !== 'pending') done();
			else if (!isLive(signal.session.status)) done();
		});
	}

	async #sandbox(repo: RepoRow, driver: SandboxDriver): Promise<Result<RunningSandbox, WireError>> {
		const { id } = this.#cell;
		const context = this.#context;
		const epoch = this.#epoch;
		const paths = this.#paths;
		const token = sessionToken(context.secret, id, epoch);
		const opened = await context.door.open(id, { directory: paths.doorDirectory, token, epoch });
		if (!opened.ok) return opened;
		const started = await driver.start(
			{
				labels: { instance: context.instance, session: id, epoch },
				worktreePath: paths.worktree,
				mirrorObjectsPath: context.git.mirrorObjects(repo),
				sessionFolder: paths.sessionFolder,
				doorDirectory: paths.doorDirectory,
				limits: context.limits,
				env: {
					AGENT_MANAGER_SESSION: id,
					AGENT_MANAGER_EPOCH: String(epoch),
					AGENT_MANAGER_TOKEN: token,
					AGENT_MANAGER_DOOR: join(paths.doorDirectory, 'door.sock'),
					AGENT_MANAGER_SESSION_FOLDER: paths.sessionFolder,
					AGENT_MANAGER_WORKTREE: paths.worktree,
					AGENT_MANAGER_GIT_NAME: context.gitIdentity.name,
					AGENT_MANAGER_GIT_EMAIL: context.gitIdentity.email
				}
			},
			this.#signal
		);
		if (started.ok) {
			this.#runtime.sandbox = { epoch, running: started.value, exit: null, stopping: false };
		} else this.#context.doubtDriver(driver.kind);
		return started;
	}

	/** The runner's first word, or why it never came. */
	async #hello(running: RunningSandbox, say: StepLog): Promise<Result<void, WireError>> {
		const timeout = AbortSignal.timeout(HELLO_TIMEOUT_MS);
		const signal = AbortSignal.any([timeout, this.#signal]);
		const aborted = new Promise<'aborted'>((resolve) =>
			signal.addEventListener('abort', () => resolve('aborted'), { once: true })
		);
		const outcome = await Promise.race([
			this.#runtime.waitForHello(this.#epoch).then(() => 'connected' as const),
			running.exited.then(() => 'exited' as const),
			aborted
		]);
		if (outcome === 'connected') {
			// Said here, before the runner's first events are taken in, so that it comes before them.
			this.#steps.record({ type: 'step.started', payload: { step: 'agent' } });
			return ok();
		}
		say(...(await running.logs(LOG_LINES)));
		if (outcome === 'exited') {
			return fail(wireError('runner_not_connected', 'The runner ended before it connected.'));
		}
		return fail(
			wireError(
				'runner_not_connected',
				`The runner did not connect in ${HELLO_TIMEOUT_MS / 1_000} s.`
			)
		);
	}
}

export const startSession = (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	signal: AbortSignal
): Promise<Result<void, WireError>> => new SessionStart(context, cell, runtime, signal).run();
