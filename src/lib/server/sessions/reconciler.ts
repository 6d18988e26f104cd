/**
 * Makes what is wanted so. Level-triggered: it looks at what a session shall be and what is there,
 * takes one step, and looks again; it is woken by each change and by a timer, and may be killed at
 * any moment. One session's steps never overlap.
 */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { RunningSandbox } from '#lib/server/runner/sandbox/driver.ts';
import { COLLECT_MS, collectCommits } from './collect-commits.ts';
import {
	endSandbox,
	failDeadSandbox,
	failLostFiles,
	purgeSession,
	StepFailure
} from './session-end.ts';
import type { SessionContext } from './session-context.ts';
import { lostFolder, sessionPaths } from './session-paths.ts';
import { SessionRuntime } from './session-runtime.ts';
import { startSession } from './session-start.ts';
import type { SessionCell } from './session-view.ts';

/** A finishing agent with nothing to do gets this long to end by itself. */
const FINISH_GRACE_MS = 20_000;
/** A step that threw is taken again after this long, doubled each time up to the maximum. */
const RETRY_MS = 500;
const RETRY_MAX_MS = 10_000;

interface Work {
	runtime: SessionRuntime;
	again: boolean;
	/** Cleared in the same moment as the last look ends, so that no wake-up falls between. */
	busy: boolean;
	running: Promise<void>;
	failures: number;
	retry: NodeJS.Timeout | null;
	finishTimer: NodeJS.Timeout | null;
}

export class Reconciler {
	readonly #context: SessionContext;
	readonly #works = new Map<SessionId, Work>();
	/** Sessions whose sandbox could not be looked for, because a listing failed. */
	#unknown: (cell: SessionCell) => boolean = () => false;
	/** A session was looked at, and no step is left to take. */
	onRest: (cell: SessionCell) => void = () => undefined;
	#stopped = false;

	constructor(context: SessionContext) {
		this.#context = context;
	}

	runtime(sessionId: SessionId): SessionRuntime {
		return this.#work(sessionId).runtime;
	}

	/** The runtime if there is one; asking makes none. */
	peek(sessionId: SessionId): SessionRuntime | null {
		return this.#works.get(sessionId)?.runtime ?? null;
	}

	/** A sandbox is in hand, or a step is on its way that may make one or end one. */
	isAtWork(sessionId: SessionId): boolean {
		const work = this.#works.get(sessionId);
		return work !== undefined && (work.busy || work.runtime.sandbox !== null);
	}

	runtimes(): SessionRuntime[] {
		return [...this.#works.values()].map(({ runtime }) => runtime);
	}

	/** Sessions whose last step failed and is taken again. */
	get retrying(): number {
		return [...this.#works.values()].filter(({ failures }) => failures > 0).length;
	}

	/** While a driver can't list, its sessions are neither started anew nor called dead. */
	setUnknown(isUnknown: (cell: SessionCell) => boolean): void {
		this.#unknown = isUnknown;
	}

	/** Takes a sandbox that runs already. */
	attach(sessionId: SessionId, epoch: number, running: RunningSandbox): void {
		const { runtime } = this.#work(sessionId);
		runtime.sandbox = { epoch, running, exit: null, stopping: false };
		runtime.lastActivityMs = this.#context.nowMs();
		this.#watch(runtime);
	}

	/** Looks at the session soon. A start that is no longer wanted is broken off. */
	wake(sessionId: SessionId): void {
		if (this.#stopped) return;
		const work = this.#work(sessionId);
		work.again = true;
		if (work.busy) return;
		work.busy = true;
		work.running = this.#run(sessionId, work);
	}

	/** Breaks off what takes long, so that what is wanted instead happens at once. */
	breakOff(sessionId: SessionId): void {
		const runtime = this.#works.get(sessionId)?.runtime;
		runtime?.starting?.abort();
		for (const collecting of runtime?.collecting ?? []) collecting.abort();
	}

	/** Leaves every sandbox running and stops looking. */
	async stop(): Promise<void> {
		this.#stopped = true;
		for (const { runtime, retry, finishTimer } of this.#works.values()) {
			runtime.starting?.abort();
			for (const collecting of runtime.collecting) collecting.abort();
			if (retry) clearTimeout(retry);
			if (finishTimer) clearTimeout(finishTimer);
		}
		await Promise.allSettled([...this.#works.values()].map(({ running }) => running));
	}

	#work(sessionId: SessionId): Work {
		const known = this.#works.get(sessionId);
		if (known) return known;
		const work: Work = {
			runtime: new SessionRuntime(sessionId),
			again: false,
			busy: false,
			running: Promise.resolve(),
			failures: 0,
			retry: null,
			finishTimer: null
		};
		work.runtime.lastActivityMs = this.#context.nowMs();
		this.#works.set(sessionId, work);
		return work;
	}

	async #run(sessionId: SessionId, work: Work): Promise<void> {
		let cell: SessionCell | null = null;
		while (work.again && !this.#stopped) {
			work.again = false;
			cell = null;
			try {
				cell = await this.#context.log.find(sessionId);
				if (!cell) {
					this.#works.delete(sessionId);
					break;
				}
				if (await this.#step(cell, work)) work.again = true;
				work.failures = 0;
				if (cell.endingProblem) await this.#context.log.setEndingProblem(sessionId, null);
			} catch (cause) {
				this.#context.logger.error({ err: cause, sessionId }, 'a step of the reconciler failed');
				this.#context.acted(cell ? `to_${cell.state.desired}` : 'read', 'failed');
				if (cause instanceof StepFailure) {
					await this.#context.log.setEndingProblem(sessionId, cause.wire).catch(() => undefined);
				}
				this.#retryLater(sessionId, work);
				break;
			}
		}
		work.busy = false;
		if (cell && !this.#stopped) this.onRest(cell);
	}

	#retryLater(sessionId: SessionId, work: Work): void {
		if (this.#stopped || work.retry) return;
		const delayMs = Math.min(RETRY_MS * 2 ** work.failures++, RETRY_MAX_MS);
		work.retry = setTimeout(() => {
			work.retry = null;
			this.wake(sessionId);
		}, delayMs);
	}

	/** One step; true when another look is due at once. */
	async #step(cell: SessionCell, work: Work): Promise<boolean> {
		const { runtime } = work;
		const { state } = cell;
		const gone = await this.#context.workspaceProblem();
		if (gone && state.ending !== null) throw new StepFailure(gone);
		// The timer wakes it when the folder is back.
		if (gone) return false;
		// A sandbox that can't be looked for may run: nobody says that it has ended.
		if (!runtime.sandbox && isLive(state.status) && this.#unknown(cell)) return false;
		switch (state.desired) {
			case 'purged':
				await purgeSession(this.#context, cell, runtime);
				this.#context.acted('purge', 'done');
				this.#works.delete(cell.id);
				return false;
			case 'stopped':
				if (runtime.sandbox) await endSandbox(this.#context, cell, runtime);
				if (state.ending === 'stop') await this.#settleEnd(cell, 'stop');
				return false;
			case 'finished':
				return this.#finish(cell, work);
			case 'asleep':
				if (runtime.sandbox) await endSandbox(this.#context, cell, runtime);
				return false;
			case 'live':
				return this.#live(cell, runtime);
		}
	}

	async #live(cell: SessionCell, runtime: SessionRuntime): Promise<boolean> {
		const { state } = cell;
		if (!isLive(state.status)) return false;
		const { sandbox } = runtime;
		if (sandbox && sandbox.epoch !== state.epoch) {
			await endSandbox(this.#context, cell, runtime);
			return true;
		}
		if (sandbox?.exit) {
			await failDeadSandbox(this.#context, cell, runtime, sandbox.exit);
			this.#context.acted('take_in', 'done');
			return true;
		}
		if (!sandbox) {
			if (state.status === 'starting') {
				// The queue wakes it when there is a place.
				if (!this.#context.runQueue.mayStart(cell.id)) return false;
				return this.#start(cell, runtime);
			}
			await failDeadSandbox(this.#context, cell, runtime, { cause: 'lost', exitCode: null });
			this.#context.acted('take_in', 'done');
			return true;
		}
		const lost = state.runnerUp
			? await lostFolder(sessionPaths(this.#context.workspaceRoot, cell.id))
			: null;
		// Not with the whole workspace, which comes back with them.
		if (lost && !(await this.#context.workspaceProblem())) {
			await failLostFiles(this.#context, cell, runtime, lost);
			return true;
		}
		if (state.settling) return this.#settleTurn(cell, runtime);
		return false;
	}

	/** The turn's commits come in before a person is told that it is over. */
	async #settleTurn(cell: SessionCell, runtime: SessionRuntime): Promise<boolean> {
		const { epoch, turns } = cell.state;
		await collectCommits(this.#context, cell, runtime, COLLECT_MS);
		await this.#context.log.record(cell.id, (state) =>
			state.settling && state.desired === 'live' && state.epoch === epoch && state.turns === turns
				? [{ type: 'session.settled', payload: {} }]
				: []
		);
		return true;
	}

	async #start(cell: SessionCell, runtime: SessionRuntime): Promise<boolean> {
		const abort = new AbortController();
		const { epoch } = cell.state;
		runtime.starting = abort;
		const result = await startSession(this.#context, cell, runtime, abort.signal).finally(
			() => (runtime.starting = null)
		);
		this.#watch(runtime);
		if (!abort.signal.aborted) this.#context.acted('start', result.ok ? 'done' : 'failed');
		if (result.ok || abort.signal.aborted) return true;
		if (runtime.sandbox?.epoch === epoch) await endSandbox(this.#context, cell, runtime);
		await this.#context.door.close(cell.id);
		return true;
	}

	async #finish(cell: SessionCell, work: Work): Promise<boolean> {
		const { runtime } = work;
		const { state } = cell;
		if (state.ending !== 'finish') {
			if (runtime.sandbox) await endSandbox(this.#context, cell, runtime);
			return false;
		}
		const { sandbox } = runtime;
		if (sandbox && !sandbox.exit && state.runnerUp) {
			// The runner has the command: it ends its agent when the turn is over, and itself.
			if (state.openTurn === null && state.queued.length === 0) {
				work.finishTimer ??= setTimeout(() => {
					if (runtime.sandbox === sandbox) this.#stopQuietly(sandbox.running);
				}, FINISH_GRACE_MS);
			}
			return false;
		}
		if (work.finishTimer) clearTimeout(work.finishTimer);
		work.finishTimer = null;
		if (sandbox) await endSandbox(this.#context, cell, runtime);
		await this.#settleEnd(cell, 'finish');
		return false;
	}

	#stopQuietly(running: RunningSandbox): void {
		running.stop(0).catch((cause: unknown) => {
			this.#context.logger.warn({ err: cause, ref: running.ref }, 'a sandbox was not stopped');
		});
	}

	/** What was asked for may be something else by now: then that is still to be done. */
	async #settleEnd(cell: SessionCell, ending: 'stop' | 'finish'): Promise<void> {
		const type = ending === 'stop' ? 'session.stopped' : 'session.finished';
		this.#context.acted(ending, 'done');
		await this.#context.log.record(cell.id, (state) =>
			state.ending === ending ? [{ type, payload: {} }] : []
		);
	}

	#watch(runtime: SessionRuntime): void {
		const { sandbox } = runtime;
		if (!sandbox) return;
		void sandbox.running.exited.then((exit) => {
			sandbox.exit = exit;
			this.wake(runtime.id);
		});
	}
}
