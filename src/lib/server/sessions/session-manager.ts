/**
 * Ties the parts of sessions together, and looks at all of them: at boot and on a timer. Decisions are
 * elsewhere; here is only who is told.
 */
import type { WebSocket } from 'ws';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { RUNNER_CLOSE } from '@agent-manager/protocol/runner-frames.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { SessionPulse } from '#lib/domain/session-pulse.ts';
import { databaseErrorMessage } from '#lib/server/db/connection-errors.ts';
import { listUnfinishedSessions } from '#lib/server/db/sessions.ts';
import { ANSWER_LOOK_MS, type AnswerWatch } from './answer-watch.ts';
import { COLLECT_MS, collectCommits } from './collect-commits.ts';
import { CommitFollowUp } from './commit-follow-up.ts';
import { GitActions } from './git-actions.ts';
import type { IdleWatch } from './idle-watch.ts';
import { MessageHandover } from './message-handover.ts';
import { MirrorKeeper } from './mirror-keeper.ts';
import { RuleAnswers } from './rule-answers.ts';
import type { Reconciler } from './reconciler.ts';
import { RunnerReception } from './runner-reception.ts';
import { SandboxAdoption } from './sandbox-adoption.ts';
import type { SessionContext } from './session-context.ts';
import type { CommitNotice } from './session-log.ts';
import type { SessionRuntime } from './session-runtime.ts';
import { toCell, type SessionCell } from './session-view.ts';

export interface SessionManagerOptions {
	context: SessionContext;
	reconciler: Reconciler;
	idleWatch: IdleWatch;
	answerWatch: AnswerWatch;
	/** A repo's counts have changed. */
	onCounts: (repoId: RepoId) => void;
}

const TIMER_MS = 5_000;
/** Mirrors lose what they have by somebody's hand only. */
const MIRRORS_MS = 60_000;

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
	readonly #sandboxes: SandboxAdoption;
	readonly #reception: RunnerReception;
	readonly #followUp: CommitFollowUp;
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
		this.#sandboxes = new SandboxAdoption(context, reconciler);
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
			isAtRest: (cell) => !reconciler.isAtWork(cell.id) && !this.#sandboxes.isUnlisted(cell)
		});
		this.#followUp = new CommitFollowUp({
			...{ context, reconciler, onCounts },
			...{ handover: this.#handover, ruleAnswers: this.#ruleAnswers, gitActions: this.#gitActions }
		});
		this.#reception = new RunnerReception({
			...{ context, reconciler },
			onHeard: (runtime) => answerWatch.heard(runtime),
			onLost: (runtime) => void this.#lookForAnswer(runtime, 'lost')
		});
		reconciler.setUnknown((cell) => this.#sandboxes.isUnlisted(cell));
		reconciler.onRest = (cell) => this.#gitActions.look(cell);
	}

	/** Finds what runs, takes it over, and wakes every session that is not as it shall be. */
	async boot(): Promise<void> {
		await this.#sandboxes.look();
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
			unlisted: this.#sandboxes.unlisted,
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

	onCommit(notice: CommitNotice): void {
		this.#followUp.follow(notice);
	}

	/** The rules of a repo have changed. */
	rulesChanged(repoId: RepoId): Promise<void> {
		return this.#followUp.rulesChanged(repoId);
	}

	/** A runner at the door; its token has been checked. */
	acceptRunner(ws: WebSocket, who: { sessionId: SessionId; epoch: number }): void {
		this.#reception.accept(ws, who);
	}

	/** Live sessions, and ones that an end or a purge is on its way for. */
	async #unfinished(): Promise<SessionCell[]> {
		return (await listUnfinishedSessions(this.#context.db)).map(toCell);
	}

	async #look(): Promise<void> {
		const beganMs = this.#context.nowMs();
		let problem: string | null = null;
		try {
			await this.#sandboxes.look();
			const gone = await this.#context.workspaceProblem();
			if (gone) throw new Error(gone.message);
			const cells = await this.#unfinished();
			await Promise.all(cells.map((cell) => this.#lookAtSession(cell)));
		} catch (cause) {
			this.#context.logger.warn({ err: cause }, 'a look at the sessions failed');
			problem = databaseErrorMessage(cause);
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
				await this.#sandboxes.keepDoor(cell.id, sandbox.epoch);
			}
			await this.#mirrors.putToSleep(cell);
			await this.#idleWatch.look(cell, runtime);
		} catch (cause) {
			this.#context.logger.warn({ err: cause, sessionId: cell.id }, 'a look at a session failed');
		}
	}
}
