/**
 * Brings a session to life: mirror, worktree, sandbox, runner, agent. Every step may be taken again
 * after a crash in its middle: it finds what is there and goes on.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { RunningSandbox, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { completeOwnership, prepareOwnership } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { carryFiles } from './fork-files.ts';
import { replaceFile } from './replace-file.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths, type SessionPaths } from './session-paths.ts';
import { composeSystemPrompt } from './session-prompts.ts';
import { copyConversation, isLost } from './session-fork.ts';
import type { SessionRuntime } from './session-runtime.ts';
import { sessionToken } from './session-tokens.ts';
import type { SessionCell } from './session-view.ts';
import { StartSteps, type StepLog } from './start-steps.ts';

/** An agent that has said nothing for so long holds nobody else up. */
const AGENT_QUIET_MS = 10_000;
/** From the sandbox's start to the runner's first word. */
const HELLO_TIMEOUT_MS = 30_000;
const LOG_LINES = 20;

/** How the runner shall start this session's agent. */
export const agentOptionsFor = (
	context: SessionContext,
	cell: SessionCell,
	repo: RepoRow
): AgentOptions => {
	const { row, state } = cell;
	const { conversation } = state;
	const messageIds = conversation?.messageIds ?? [];
	return {
		role: row.role,
		model: state.model,
		effort: state.effort,
		permissionMode: state.permissionMode,
		conversationId: conversation?.id ?? row.conversationId,
		hasConversation: conversation === null && state.usage.outputTokens > 0,
		rewound: messageIds.length > 0 ? { messageIds } : null,
		fork: row.fork && {
			conversationId: row.fork.conversationId,
			messageIds: row.fork.messageIds
		},
		systemPromptAppend: composeSystemPrompt({
			role: row.role,
			baseSystemPrompt: context.baseSystemPrompt,
			additionalInstructions: row.additionalInstructions,
			repoName: `${repo.owner}/${repo.name}`,
			branchName: row.branchName,
			baseBranch: row.baseBranch
		})
	};
};

const exists = (path: string): Promise<boolean> =>
	stat(path).then(
		() => true,
		() => false
	);

const fileProblem = (cause: unknown): WireError => {
	const { code, message } = cause as NodeJS.ErrnoException;
	return wireError(
		code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'sandbox_start_failed',
		`The session's folder could not be made: ${message}`
	);
};

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
		const files = await this.#files(repo);
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

	/** Mirror and worktree; both are done already when a session comes back. */
	async #files(repo: RepoRow): Promise<Result<void, WireError>> {
		const { baseCommit } = this.#cell.state;
		const isBack = this.#epoch > 1 && this.#cell.state.turns > 0;
		if (isBack && !(await exists(join(this.#paths.sessionFolder, 'claude')))) {
			this.#steps.record({ type: 'conversation.lost', payload: {} });
		}
		if (baseCommit !== null && !(await exists(this.#paths.worktree))) {
			return this.#restoreWorktree(repo, baseCommit);
		}
		const { fork } = this.#cell.row;
		// Until it is said that its worktree is whole, what another session has may be missing in it.
		if (fork && baseCommit === null) return this.#forkFiles(repo, fork);
		if (await exists(join(this.#paths.worktree, '.git'))) {
			this.#steps.skip('mirror');
			return this.#steps.run('worktree', async () => {
				const owned = await completeOwnership(this.#paths.worktree, this.#signal);
				return owned.ok ? this.#sessionFolder(repo) : owned;
			});
		}
		const base = await this.#steps.run('mirror', async (say) => {
			const resolved = await this.#context.git.resolveBase(repo, this.#cell.row, this.#signal);
			if (resolved.ok) say(...describeBase(this.#cell.row.baseBranch, resolved.value));
			return resolved;
		});
		if (!base.ok) return base;
		const { commit } = base.value;
		const made = await this.#steps.run('worktree', () =>
			this.#makeFiles(repo, { baseCommit: commit })
		);
		if (made.ok) {
			this.#steps.record({
				type: 'worktree.created',
				payload: { baseCommit: base.value.commit, baseAgeSeconds: base.value.ageSeconds }
			});
		}
		return made;
	}

	/** What the other session was at the end of the turn: its conversation, its commits, and its files. */
	async #forkFiles(repo: RepoRow, fork: ForkPoint): Promise<Result<void, WireError>> {
		this.#steps.skip('mirror');
		const { commit, baseCommit } = fork;
		const made = await this.#steps.run('worktree', async (say) => {
			say(`The fork begins at ${commit.slice(0, 12)}.`);
			const begun = await this.#context.git.beginBranchAt(repo, this.#cell, commit);
			if (!begun.ok) return begun;
			if (!begun.value) {
				return fail(wireError('base_branch_not_found', 'The mirror has lost the turn’s commit.'));
			}
			const folder = await this.#sessionFolder(repo);
			if (!folder.ok) return folder;
			const copied = await copyConversation(
				...([this.#context, repo, this.#cell, fork, this.#signal] as const)
			);
			if (!copied.ok && !isLost(copied.error)) return copied;
			if (!copied.ok) {
				const forkProblem = copied.error.message;
				this.#steps.record({ type: 'conversation.lost', payload: { forkProblem } });
			}
			const files = await this.#makeFiles(repo, { baseCommit, tipCommit: commit });
			if (!files.ok) return files;
			return carryFiles(this.#context, repo, this.#cell, fork, this.#signal);
		});
		if (!made.ok) return made;
		this.#steps.record({
			type: 'worktree.created',
			payload: { baseCommit, baseAgeSeconds: null, carried: made.value }
		});
		return ok();
	}

	/** Somebody has taken the worktree away: what had come into the mirror is checked out again. */
	async #restoreWorktree(repo: RepoRow, baseCommit: string): Promise<Result<void, WireError>> {
		this.#steps.skip('mirror');
		const tip = await this.#context.git.branchTip(repo, this.#cell);
		const commit = (tip.ok ? tip.value : null) ?? baseCommit;
		const made = await this.#steps.run('worktree', async (say) => {
			if (!tip.ok) return tip;
			say(`The worktree is gone: a new one is made from ${commit.slice(0, 12)}.`);
			return this.#makeFiles(repo, { baseCommit, tipCommit: commit });
		});
		if (made.ok) this.#steps.record({ type: 'worktree.restored', payload: { commit } });
		return made;
	}

	async #makeFiles(
		repo: RepoRow,
		commits: { baseCommit: string; tipCommit?: string }
	): Promise<Result<void, WireError>> {
		const { worktree: path } = this.#paths;
		const [worktree, folder] = await Promise.all([
			this.#context.git.createWorktree(repo, path, this.#cell, commits, this.#signal),
			this.#sessionFolder(repo)
		]);
		if (!worktree.ok) return worktree;
		if (!folder.ok) return folder;
		return prepareOwnership([path], this.#signal);
	}

	async #sessionFolder(repo: RepoRow): Promise<Result<void, WireError>> {
		const { sessionFolder, doorDirectory, agentOptions } = this.#paths;
		try {
			await mkdir(doorDirectory, { recursive: true, mode: 0o755 });
			const options = agentOptionsFor(this.#context, this.#cell, repo);
			await replaceFile(agentOptions, JSON.stringify(options), 0o600);
		} catch (cause) {
			return fail(fileProblem(cause));
		}
		return prepareOwnership([sessionFolder], this.#signal);
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

const describeBase = (
	branch: string,
	{ commit, ageSeconds }: { commit: string; ageSeconds: number | null }
): string[] => [
	`${branch} is at ${commit.slice(0, 12)}`,
	...(ageSeconds === null
		? []
		: [
				`The remote could not be reached: this is as of ${Math.round(ageSeconds / 60)} minutes ago.`
			])
];

export const startSession = (
	context: SessionContext,
	cell: SessionCell,
	runtime: SessionRuntime,
	signal: AbortSignal
): Promise<Result<void, WireError>> => new SessionStart(context, cell, runtime, signal).run();
