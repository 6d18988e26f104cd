/**
 * The named steps of a start. Their events are written while the next step works already: they are
 * in order because a session's writes are, and a start does not wait for the disk six times.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { StartStepName } from '@agent-manager/protocol/session.ts';
import type { Result } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import type { SessionLog } from './session-log.ts';

export type StepLog = (...lines: string[]) => void;

export class StartSteps {
	readonly #log: SessionLog;
	readonly #sessionId: SessionId;
	readonly #epoch: number;
	readonly #signal: AbortSignal;
	#written: Promise<unknown> = Promise.resolve();

	/** `signal` aborts when the start is no longer wanted: what ends then has not failed. */
	constructor(log: SessionLog, sessionId: SessionId, epoch: number, signal: AbortSignal) {
		this.#log = log;
		this.#sessionId = sessionId;
		this.#epoch = epoch;
		this.#signal = signal;
	}

	/** Facts of this start; those of a start that was overtaken by a newer one are dropped. */
	record(...events: ManagerEvent[]): void {
		const write = this.#log.record(this.#sessionId, (state) =>
			state.epoch === this.#epoch ? events : []
		);
		this.#written = Promise.all([this.#written, write]);
		this.#written.catch(() => undefined);
	}

	/** Rejects if any of the facts could not be written. */
	async written(): Promise<void> {
		await this.#written;
	}

	async run<T>(
		step: StartStepName,
		work: (say: StepLog) => Promise<Result<T, WireError>>
	): Promise<Result<T, WireError>> {
		this.record({ type: 'step.started', payload: { step } });
		const begun = performance.now();
		const say: StepLog = (...lines) =>
			this.record({ type: 'step.logged', payload: { step, lines } });
		const result = await work(say);
		const durationMs = Math.round(performance.now() - begun);
		if (result.ok) this.record({ type: 'step.finished', payload: { step, durationMs } });
		else if (!this.#signal.aborted) {
			this.record({ type: 'step.failed', payload: { step, durationMs, error: result.error } });
		}
		return result;
	}

	skip(step: StartStepName): void {
		this.record({ type: 'step.finished', payload: { step, durationMs: 0, skipped: true } });
	}
}
