/**
 * Looks whether the runners of live sessions answer. A connection that is held says nothing: its other
 * end may be paused, stopped or stuck, or the socket half open. So one that has been silent for a while
 * is asked, and one that stays silent is named, until the first frame that comes from it.
 */
import type { Logger } from 'pino';
import type { Silence } from '@agent-manager/protocol/session.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { RunnerConnection } from './runner-connection.ts';
import type { SessionLog } from './session-log.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

export const ANSWER_LOOK_MS = 5_000;
/** A runner whose connection broke is back within this. */
export const LOST_MS = 1_000;
const ASK_AFTER_MS = 10_000;
/** With the looks around it, a frozen runner is named within 45 s. */
const NAME_AFTER_MS = 30_000;
/**
 * More than this between two looks was not watched: this process or the machine was held up itself, and
 * what came meanwhile has not been read yet.
 */
const WATCHED_MAX_MS = 2 * ANSWER_LOOK_MS;

/** What the watch knows of one runner; kept with the session's runtime. */
export interface Hearing {
	/** By the watch's clock; null until it was heard in this process. */
	heardMs: number | null;
	/** Since when there is something to hear. */
	sinceMs: number | null;
	/** Asked over this connection, and no word since. */
	asked: RunnerConnection | null;
	/** The log says that it does not answer. */
	named: boolean;
}

export interface AnswerWatchOptions {
	log: SessionLog;
	logger: Logger;
	/** Monotonic. */
	nowMs: () => number;
	newId: () => string;
}

export const createAnswerWatch = ({ log, logger, nowMs, newId }: AnswerWatchOptions) => {
	/** Goes on only while somebody looks. */
	let watchedMs = 0;
	let lookedAtMs = nowMs();

	const isWatched = ({ state }: SessionCell, { sandbox }: SessionRuntime): boolean =>
		isLive(state.status) &&
		state.runnerUp &&
		!state.asleep &&
		state.ending === null &&
		sandbox !== null &&
		sandbox.epoch === state.epoch &&
		sandbox.exit === null &&
		!sandbox.stopping;

	const howSilent = async ({ sandbox, connection }: SessionRuntime): Promise<Silence> => {
		const condition = await sandbox?.running.condition();
		if (condition === 'paused') return 'paused';
		if (connection) return 'unanswered';
		return condition === 'unknown' ? 'engine' : 'disconnected';
	};

	/** Unless it has spoken, or come back, while it was looked at. */
	const isStillSilent = ({ hearing, connection }: SessionRuntime): boolean =>
		connection === null || hearing.asked === connection;

	const name = async (
		runtime: SessionRuntime,
		silence: Silence,
		afterSeconds: number
	): Promise<void> => {
		if (!isStillSilent(runtime)) return;
		runtime.hearing.named = true;
		await log.record(runtime.id, ({ unresponsive }) =>
			unresponsive
				? []
				: [{ type: 'session.stopped_answering', payload: { afterSeconds, silence } }]
		);
	};

	const clear = async (runtime: SessionRuntime): Promise<void> => {
		await log.record(runtime.id, ({ unresponsive }) =>
			unresponsive ? [{ type: 'session.answered_again', payload: {} }] : []
		);
		runtime.hearing.named = false;
	};

	return {
		/** Before each round of looks. */
		tick(): void {
			const now = nowMs();
			watchedMs += Math.min(Math.max(0, now - lookedAtMs), WATCHED_MAX_MS);
			lookedAtMs = now;
		},

		/** A frame has come from the runner. */
		heard(runtime: SessionRuntime): void {
			const { hearing } = runtime;
			hearing.heardMs = watchedMs;
			hearing.asked = null;
			if (!hearing.named) return;
			hearing.named = false;
			clear(runtime).catch((cause: unknown) => {
				// The next look sees the same.
				logger.warn({ err: cause, sessionId: runtime.id }, 'an answer was not noted');
			});
		},

		async look(cell: SessionCell, runtime: SessionRuntime): Promise<void> {
			const { hearing } = runtime;
			if (!isWatched(cell, runtime)) {
				runtime.hearing = freshHearing();
				return;
			}
			hearing.sinceMs ??= watchedMs;
			const silentMs = watchedMs - (hearing.heardMs ?? hearing.sinceMs);
			const isNamed = cell.state.unresponsive !== null;
			hearing.named = isNamed;
			if (isNamed && hearing.heardMs !== null && silentMs < ASK_AFTER_MS) return clear(runtime);
			const { connection } = runtime;
			if (connection && silentMs >= ASK_AFTER_MS && hearing.asked !== connection) {
				hearing.asked = connection;
				connection.ask(newId());
			}
			if (silentMs < NAME_AFTER_MS || isNamed) return;
			await name(runtime, await howSilent(runtime), Math.round(silentMs / 1_000));
		},

		/**
		 * Its connection has been gone for a moment. Runners come back at once: if the engine does not answer
		 * either, it has most likely taken the sandbox along, and that need not wait.
		 */
		async lost(cell: SessionCell, runtime: SessionRuntime): Promise<void> {
			if (!isWatched(cell, runtime) || runtime.connection !== null) return;
			const silence = await howSilent(runtime);
			if (silence === 'engine') await name(runtime, silence, Math.round(LOST_MS / 1_000));
		}
	};
};
export type AnswerWatch = ReturnType<typeof createAnswerWatch>;

export const freshHearing = (): Hearing => ({
	heardMs: null,
	sinceMs: null,
	asked: null,
	named: false
});
