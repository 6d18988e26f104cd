/**
 * Ties the parts of sessions together: what follows from a commit, runners that connect, the look at
 * boot and the timer. Decisions are elsewhere; here is only who is told.
 */
import pLimit from 'p-limit';
import type { WebSocket } from 'ws';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { RUNNER_CLOSE, type AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import { dueMessage } from '#lib/domain/message-queue.ts';
import { objectAt, textAt } from '#lib/domain/loose-json.ts';
import { areMarks } from '#lib/domain/session-marks.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { SessionPulse } from '#lib/domain/session-pulse.ts';
import { listUnfinishedSessions } from '#lib/server/db/sessions.ts';
import type { ListedSandbox, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { ANSWER_LOOK_MS, LOST_MS, type AnswerWatch } from './answer-watch.ts';
import { COLLECT_MS, collectCommits } from './collect-commits.ts';
import { GitActions } from './git-actions.ts';
import type { IdleWatch } from './idle-watch.ts';
import { MessageHandover } from './message-handover.ts';
import { MirrorKeeper } from './mirror-keeper.ts';
import { RuleAnswers } from './rule-answers.ts';
import type { Reconciler } from './reconciler.ts';
import { RunnerConnection } from './runner-connection.ts';
import type { SessionContext } from './session-context.ts';
import type { CommitNotice } from './session-log.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionRuntime } from './session-runtime.ts';
import { agentOptionsFor } from './session-start.ts';
import { sessionToken } from './session-tokens.ts';
import { toCell, type SessionCell } from './session-view.ts';

export interface SessionManagerOptions {
	context: SessionContext;
	reconciler: Reconciler;
	idleWatch: IdleWatch;
	answerWatch: AnswerWatch;
	/** A repo's counts have changed. */
	onCounts: (repoId: RepoId) => void;
}

const madeRepoRules = ({ source, type, payload }: SessionEvent): boolean =>
	source === 'manager' &&
	type === 'request.decided' &&
	textAt(objectAt(payload, 'remember'), 'scope') === 'repo';

const TIMER_MS = 5_000;
/** Mirrors lose what they have by somebody's hand only. */
const MIRRORS_MS = 60_000;
/** Sessions whose records are written at the same time: more make each wait longer, and none come sooner. */
const INGEST_CONCURRENCY = 4;
const INGEST_BACKOFF_MAX_MS = 2_000;

const backOff = (attempt: number): Promise<void> =>
	new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, INGEST_BACKOFF_MAX_MS)));

export class SessionManager {
	readonly #context: SessionContext;
	readonly #reconciler: Reconciler;
	readonly #idleWatch: IdleWatch;
	readonly #answerWatch: AnswerWatch;
	readonly #handover: MessageHandover;
	readonly #gitActions: GitActions;
	readonly #ruleAnswers: RuleAnswers;
	readonly #mirrors: MirrorKeeper;
	readonly #onCounts: (repoId: RepoId) => void;
	/** Drivers whose last listing failed: nothing is concluded about their sandboxes. */
	readonly #unlisted = new Set<DriverKind>();
	readonly #inTurn = pLimit(INGEST_CONCURRENCY);
	#timer: NodeJS.Timeout | null = null;
	#answerTimer: NodeJS.Timeout | null = null;
	#mirrorTimer: NodeJS.Timeout | null = null;
	#looking: Promise<void> | null = null;
	#lastLook: Pick<SessionPulse, 'lookedAtMs' | 'lookMs' | 'problem'> = {
		...{ lookedAtMs: null, lookMs: null, problem: null }
	};

	constructor(options: SessionManagerOptions) {
		const { context, reconciler, idleWatch, answerWatch, onCounts } = options;
		this.#context = context;
		this.#reconciler = reconciler;
		this.#idleWatch = idleWatch;
		this.#answerWatch = answerWatch;
		this.#onCounts = onCounts;
		const { db, log, newId, logger } = context;
		this.#handover = new MessageHandover({
			db,
			log,
			newId,
			onFailure: (sessionId, cause) =>
				logger.warn({ err: cause, sessionId }, 'a message was not handed over')
		});
		this.#ruleAnswers = new RuleAnswers({
			...{ db, log, newId },
			workspaceRoot: context.workspaceRoot,
			onFailure: (sessionId, cause) =>
				logger.warn({ err: cause, sessionId }, 'rules were not looked at')
		});
		const collect = (cell: SessionCell): Promise<WireError | null> =>
			collectCommits(context, cell, reconciler.runtime(cell.id), COLLECT_MS);
		this.#mirrors = new MirrorKeeper({ context, collect });
		this.#gitActions = new GitActions({
			...{ context, collect },
			isAtRest: (cell) => !reconciler.isAtWork(cell.id) && !this.#isUnlisted(cell)
		});
		reconciler.setUnknown((cell) => this.#isUnlisted(cell));
		reconciler.onRest = (cell) => this.#gitActions.look(cell);
	}

	/** Finds what runs, takes it over, and wakes every session that is not as it shall be. */
	async boot(): Promise<void> {
		await this.#lookAtSandboxes();
		const unfinished = await this.#unfinished();
		this.#context.runQueue.seeAll(unfinished);
		for (const cell of unfinished) {
			this.#reconciler.wake(cell.id);
			this.#handover.look(cell.id);
			this.#ruleAnswers.look(cell.id);
			this.#gitActions.look(cell);
		}
		this.#timer = setInterval(() => {
			this.#looking ??= this.#look().finally(() => (this.#looking = null));
		}, TIMER_MS);
		// Apart from the other looks: an engine that hangs must not hide a runner that does.
		this.#answerTimer = setInterval(() => void this.#lookForAnswers(), ANSWER_LOOK_MS);
		this.#mirrorTimer = setInterval(() => void this.#lookAtMirrors(), MIRRORS_MS);
		void this.#lookAtMirrors();
	}

	/** Lets go: sandboxes go on, runners reconnect to whoever comes. */
	async stop(): Promise<void> {
		if (this.#timer) clearInterval(this.#timer);
		if (this.#answerTimer) clearInterval(this.#answerTimer);
		if (this.#mirrorTimer) clearInterval(this.#mirrorTimer);
		await this.#looking;
		for (const { connection } of this.#reconciler.runtimes()) {
			connection?.close(RUNNER_CLOSE.goingAway, 'the app is going away');
		}
		await Promise.all([this.#handover.idle(), this.#ruleAnswers.idle(), this.#gitActions.stop()]);
		await Promise.all([this.#mirrors.stop(), this.#reconciler.stop()]);
	}

	/** A sandbox of it may run without our knowing. */
	#isUnlisted({ state }: SessionCell): boolean {
		return state.driver !== null && this.#unlisted.has(state.driver);
	}

	/** How it goes, for the health page. */
	pulse(): SessionPulse {
		const runtimes = this.#reconciler.runtimes();
		const sandboxes = runtimes.filter(({ sandbox }) => sandbox !== null && sandbox.exit === null);
		return {
			...this.#lastLook,
			retrying: this.#reconciler.retrying,
			sandboxes: sandboxes.length,
			runners: sandboxes.filter(({ connection }) => connection !== null).length,
			intake: runtimes.reduce((sum, { connection }) => sum + (connection?.waiting ?? 0), 0),
			unlisted: [...this.#unlisted],
			notMirrored: this.#mirrors.problems
		};
	}

	partials(sessionId: SessionId): PartialMessage[] {
		return this.#reconciler.peek(sessionId)?.partials.list() ?? [];
	}

	/** A session was made: it shows in the lists, and its start begins. */
	created(cell: SessionCell): void {
		this.#context.hub.publishList({ type: 'session', session: this.#context.log.show(cell) });
		this.#onCounts(cell.repoId);
		this.#context.runQueue.see(cell.id, cell.state);
		this.#reconciler.wake(cell.id);
	}

	onCommit({ cell, before, events, runnerCommands }: CommitNotice): void {
		const { state } = cell;
		if (state.archivedAt !== before.archivedAt) this.#onCounts(cell.repoId);
		this.#context.runQueue.see(cell.id, state);
		if (dueMessage(state)) this.#handover.look(cell.id);
		this.#lookAtRules(cell, before, events);
		this.#gitActions.look(cell);
		if (areMarks(events)) return;
		const runtime = this.#reconciler.runtime(cell.id);
		runtime.lastActivityMs = this.#context.nowMs();
		runtime.partials.settle(events);
		runtime.connection?.deliver(runnerCommands);
		const agentIsStarting = before.steps.some(
			({ name, status }) => name === 'agent' && status === 'running'
		);
		// With a message on its way the agent's own first word is the sign, without one the runner's.
		const sign = events.find(
			({ source, type }) =>
				source === 'claude' || (type === 'runner.started' && state.queued.length === 0)
		);
		if (agentIsStarting && sign) this.#agentStarted(cell, sign.ts);
		if (state.status !== before.status) this.#onCounts(cell.repoId);
		const redirected = state.desired !== before.desired || state.epoch !== before.epoch;
		if (redirected) this.#reconciler.breakOff(cell.id);
		const turned = state.settling !== before.settling || state.openTurn !== before.openTurn;
		if (redirected || turned || state.ending !== before.ending) this.#reconciler.wake(cell.id);
	}

	/** The rules of a repo have changed. */
	async rulesChanged(repoId: RepoId): Promise<void> {
		this.#onCounts(repoId);
		await this.#ruleAnswers.lookAll(repoId);
	}

	#lookAtRules(
		{ id, repoId, state }: SessionCell,
		before: SessionState,
		events: CommitNotice['events']
	): void {
		if (state.pending !== before.pending || state.rules !== before.rules)
			this.#ruleAnswers.look(id);
		if (!events.some(madeRepoRules)) return;
		void this.rulesChanged(repoId).catch((cause: unknown) => {
			this.#context.logger.warn({ err: cause, repoId }, 'rules were not looked at');
		});
	}

	/** A runner at the door; its token has been checked. */
	acceptRunner(ws: WebSocket, { sessionId, epoch }: { sessionId: SessionId; epoch: number }): void {
		const runtime = this.#reconciler.runtime(sessionId);
		const { connection: older } = runtime;
		if (older && older.epoch > epoch) {
			return ws.close(RUNNER_CLOSE.fenced, 'a newer runner has taken over');
		}
		older?.close(
			older.epoch < epoch ? RUNNER_CLOSE.fenced : RUNNER_CLOSE.goingAway,
			'another connection took over'
		);
		const { db, log, hub, logger } = this.#context;
		const connection: RunnerConnection = new RunnerConnection({
			ws,
			sessionId,
			epoch,
			db,
			log,
			hub,
			logger,
			inTurn: this.#inTurn,
			backOff,
			partials: runtime.partials,
			agentOptions: () => this.#agentOptions(sessionId),
			onHello: () => runtime.sawHello(epoch),
			onHeard: () => this.#answerWatch.heard(runtime),
			onActivity: () => (runtime.lastActivityMs = this.#context.nowMs()),
			onClose: () => {
				if (runtime.connection !== connection) return;
				runtime.connection = null;
				// Whether it still waits is not known any more; it says so when it is back.
				void log.setHeldUp(sessionId, false).catch(() => undefined);
				setTimeout(() => void this.#lookForAnswer(runtime, 'lost'), LOST_MS).unref();
			}
		});
		runtime.connection = connection;
	}

	/** The model refuses for a limit or a login: the session says so until it works again. */
	async modelRefused(sessionId: SessionId, error: WireError): Promise<void> {
		await this.#context.log.record(sessionId, (state) =>
			isLive(state.status) && state.limit?.message !== error.message
				? [{ type: 'session.limit_reached', payload: { error } }]
				: []
		);
	}

	async modelAnswered(sessionId: SessionId): Promise<void> {
		const cell = await this.#context.log.find(sessionId);
		if (!cell?.state.limit) return;
		await this.#context.log.record(sessionId, (state) =>
			state.limit ? [{ type: 'session.limit_lifted', payload: {} }] : []
		);
	}

	#agentStarted(cell: SessionCell, ts: string): void {
		void this.#context.log
			.record(cell.id, (state) => {
				const step = state.steps.find(({ name }) => name === 'agent');
				if (step?.status !== 'running') return [];
				const durationMs = Math.max(0, Date.parse(ts) - Date.parse(step.startedAt ?? ts));
				return [{ type: 'step.finished', payload: { step: 'agent', durationMs } }];
			})
			.catch((cause: unknown) => {
				this.#context.logger.warn({ err: cause, sessionId: cell.id }, 'a step was not recorded');
			});
	}

	async #agentOptions(sessionId: SessionId): Promise<AgentOptions | null> {
		const cell = await this.#context.log.find(sessionId);
		const repo = cell ? await this.#context.findRepo(cell.repoId) : null;
		return cell && repo ? agentOptionsFor(this.#context, cell, repo) : null;
	}

	/** Live sessions, and ones that an end or a purge is on its way for. */
	async #unfinished(): Promise<SessionCell[]> {
		return (await listUnfinishedSessions(this.#context.db)).map(toCell);
	}

	async #look(): Promise<void> {
		const beganMs = this.#context.nowMs();
		let problem: string | null = null;
		try {
			await this.#lookAtSandboxes();
			const cells = await this.#unfinished();
			await Promise.all(cells.map((cell) => this.#lookAtSession(cell)));
		} catch (cause) {
			this.#context.logger.warn({ err: cause }, 'a look at the sessions failed');
			problem = cause instanceof Error ? cause.message : String(cause);
		}
		const lookMs = Math.round(this.#context.nowMs() - beganMs);
		this.#lastLook = { lookedAtMs: this.#context.now().getTime(), lookMs, problem };
	}

	async #lookForAnswers(): Promise<void> {
		this.#answerWatch.tick();
		const runtimes = this.#reconciler.runtimes().filter(({ sandbox }) => sandbox !== null);
		await Promise.all(runtimes.map((runtime) => this.#lookForAnswer(runtime, 'look')));
	}

	async #lookForAnswer(runtime: SessionRuntime, how: 'look' | 'lost'): Promise<void> {
		try {
			const cell = await this.#context.log.find(runtime.id);
			if (cell) await this.#answerWatch[how](cell, runtime);
		} catch (cause) {
			const { logger } = this.#context;
			logger.warn({ err: cause, sessionId: runtime.id }, 'a look for an answer failed');
		}
	}

	/** Opens the door, or again where somebody has removed its socket. */
	async #keepDoor(sessionId: SessionId, epoch: number): Promise<void> {
		const { door, secret, workspaceRoot, logger } = this.#context;
		const opened = await door.open(sessionId, {
			directory: sessionPaths(workspaceRoot, sessionId).doorDirectory,
			token: sessionToken(secret, sessionId, epoch),
			epoch
		});
		if (!opened.ok) logger.warn({ error: opened.error, sessionId }, 'a door was not opened');
	}

	/** A repo's mirror was made anew. */
	mirrorMade(repoId: RepoId): void {
		this.#mirrors.made(repoId);
	}

	async #lookAtMirrors(): Promise<void> {
		await this.#mirrors.lookAll().catch((cause: unknown) => {
			this.#context.logger.warn({ err: cause }, 'a look at the mirrors failed');
		});
	}

	/** One session's trouble is not the others'. */
	async #lookAtSession(cell: SessionCell): Promise<void> {
		this.#reconciler.wake(cell.id);
		const runtime = this.#reconciler.runtime(cell.id);
		this.#handover.look(cell.id);
		this.#ruleAnswers.look(cell.id);
		this.#gitActions.look(cell);
		try {
			const { sandbox } = runtime;
			const isUp = sandbox !== null && sandbox.exit === null && !sandbox.stopping;
			if (isUp && sandbox.epoch === cell.state.epoch && isLive(cell.state.status)) {
				await this.#keepDoor(cell.id, sandbox.epoch);
			}
			await this.#mirrors.putToSleep(cell);
			await this.#idleWatch.look(cell, runtime);
		} catch (cause) {
			this.#context.logger.warn({ err: cause, sessionId: cell.id }, 'a look at a session failed');
		}
	}

	async #lookAtSandboxes(): Promise<void> {
		await Promise.all(
			this.#context.drivers().map(async (driver) => {
				const listed = await driver.list(this.#context.instance);
				if (!listed.ok) {
					this.#unlisted.add(driver.kind);
					return;
				}
				this.#unlisted.delete(driver.kind);
				await Promise.all(listed.value.map((sandbox) => this.#place(driver, sandbox)));
			})
		);
	}

	/** A sandbox of ours: taken over while its session has a use for it, or an end for it; else removed. */
	async #place(driver: SandboxDriver, { ref }: ListedSandbox): Promise<void> {
		const sessionId = ref.labels.session as SessionId;
		const cell = await this.#context.log.find(sessionId);
		if (this.#reconciler.isAtWork(sessionId)) return;
		const isOurs = cell !== null && cell.state.epoch === ref.labels.epoch;
		if (!isOurs || !(isLive(cell.state.status) || cell.state.ending !== null)) {
			const removed = await driver.remove(ref);
			this.#context.acted('remove_sandbox', removed.ok ? 'done' : 'failed');
			if (removed.ok) return;
			return this.#context.logger.warn({ error: removed.error, ref }, 'a sandbox stays behind');
		}
		const { desired, status, runnerUp } = cell.state;
		// A start that was broken off in its middle finds its sandbox itself.
		if (desired === 'live' && status === 'starting' && !runnerUp) return;
		const adopted = await driver.adopt(ref);
		this.#context.acted('adopt', adopted.ok ? 'done' : 'failed');
		if (!adopted.ok) {
			this.#context.logger.warn({ error: adopted.error, sessionId }, 'a sandbox was not adopted');
			return;
		}
		await this.#keepDoor(sessionId, ref.labels.epoch);
		this.#reconciler.attach(sessionId, ref.labels.epoch, adopted.value);
	}
}
