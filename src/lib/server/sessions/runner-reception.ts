/** Runners that come to the door: one connection a session, the newest incarnation of its runner. */
import pLimit from 'p-limit';
import type { WebSocket } from 'ws';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { RUNNER_CLOSE, type AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { agentOptionsFor } from './agent-options.ts';
import { LOST_MS } from './answer-watch.ts';
import type { Reconciler } from './reconciler.ts';
import { RunnerConnection } from './runner-connection.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionRuntime } from './session-runtime.ts';

/** Sessions whose records are written at the same time: more make each wait longer, and none come sooner. */
const INGEST_CONCURRENCY = 4;
const INGEST_BACKOFF_MAX_MS = 2_000;

const backOff = (attempt: number): Promise<void> =>
	new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, INGEST_BACKOFF_MAX_MS)));

export interface RunnerReceptionOptions {
	context: SessionContext;
	reconciler: Reconciler;
	/** Anything has come from it. */
	onHeard: (runtime: SessionRuntime) => void;
	/** Its connection has been gone for a moment. */
	onLost: (runtime: SessionRuntime) => void;
}

export class RunnerReception {
	readonly #options: RunnerReceptionOptions;
	readonly #inTurn = pLimit(INGEST_CONCURRENCY);

	constructor(options: RunnerReceptionOptions) {
		this.#options = options;
	}

	/** A runner at the door; its token has been checked. */
	accept(ws: WebSocket, { sessionId, epoch }: { sessionId: SessionId; epoch: number }): void {
		const { context, reconciler, onHeard, onLost } = this.#options;
		const runtime = reconciler.runtime(sessionId);
		const { connection: older } = runtime;
		if (older && older.epoch > epoch) {
			return ws.close(RUNNER_CLOSE.fenced, 'a newer runner has taken over');
		}
		older?.close(
			older.epoch < epoch ? RUNNER_CLOSE.fenced : RUNNER_CLOSE.goingAway,
			'another connection took over'
		);
		const { db, log, hub, logger } = context;
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
			onHeard: () => onHeard(runtime),
			onActivity: () => (runtime.lastActivityMs = context.nowMs()),
			onClose: () => {
				if (runtime.connection !== connection) return;
				runtime.connection = null;
				// Whether it still waits is not known any more; it says so when it is back.
				void log.setHeldUp(sessionId, false).catch(() => undefined);
				setTimeout(() => onLost(runtime), LOST_MS).unref();
			}
		});
		runtime.connection = connection;
	}

	async #agentOptions(sessionId: SessionId): Promise<AgentOptions | null> {
		const { context } = this.#options;
		const cell = await context.log.find(sessionId);
		const repo = cell ? await context.findRepo(cell.repoId) : null;
		return cell && repo ? agentOptionsFor(context, cell, repo) : null;
	}
}
