/**
 * Looks for sessions that say `running` and are silent, and for ones that wait so long that their
 * sandbox may sleep. Never guesses: a silent one is asked, and folded only on its runner's word.
 */
import type { Logger } from 'pino';
import { decide } from '#lib/domain/session-decisions.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { SessionLog } from './session-log.ts';
import type { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

export interface IdleWatchOptions {
	log: SessionLog;
	logger: Logger;
	/** Monotonic. */
	nowMs: () => number;
	newId: () => string;
	idleTimeoutSeconds: number;
	/** 0: never. */
	sleepAfterSeconds: number;
}

/** A message is on its way to the agent: it is not idle, whatever its runner says now. */
const isHandedOver = ({ queued }: SessionState): boolean =>
	queued.some(({ handedOver }) => handedOver);

const PROBE_TIMEOUT_MS = 5_000;

export const createIdleWatch = (options: IdleWatchOptions) => {
	const { log, logger, nowMs, newId, idleTimeoutSeconds, sleepAfterSeconds } = options;

	const checkSilent = async (runtime: SessionRuntime, silentMs: number): Promise<void> => {
		if (!runtime.connection || silentMs < idleTimeoutSeconds * 1_000) return;
		runtime.lastActivityMs = nowMs();
		try {
			const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
			const { turnOpen, openTools } = await runtime.connection.probe(newId(), signal);
			if (turnOpen || openTools > 0) return;
		} catch (cause) {
			logger.warn({ err: cause, sessionId: runtime.id }, 'a silent runner did not answer');
			return;
		}
		const afterSeconds = Math.round(silentMs / 1_000);
		await log.record(runtime.id, (state) =>
			state.status === 'running' && state.pending.length === 0 && !isHandedOver(state)
				? [{ type: 'session.idled', payload: { afterSeconds } }]
				: []
		);
	};

	const putToSleep = (runtime: SessionRuntime, silentMs: number): Promise<unknown> => {
		const afterSeconds = Math.round(silentMs / 1_000);
		return log.record(runtime.id, (state) => {
			const decision = decide(state, { type: 'sleep', afterSeconds });
			return decision.ok ? decision.value.events : [];
		});
	};

	return {
		/** One look at one session. */
		async look(cell: SessionCell, runtime: SessionRuntime): Promise<void> {
			const silentMs = nowMs() - runtime.lastActivityMs;
			const { status, waitingFor, asleep, openTools } = cell.state;
			if (status === 'running' && openTools.length === 0) return checkSilent(runtime, silentMs);
			const mayRest = status === 'waiting' && waitingFor === 'input' && !asleep;
			if (mayRest && sleepAfterSeconds > 0 && silentMs >= sleepAfterSeconds * 1_000) {
				await putToSleep(runtime, silentMs);
			}
		}
	};
};
export type IdleWatch = ReturnType<typeof createIdleWatch>;
