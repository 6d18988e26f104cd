import type { RunnerEventPayload, RunnerEventType } from '@agent-manager/protocol/events.ts';
import type { Outbox } from './outbox.ts';

/** The runner's own facts, with their payloads checked by type. */
export class RunnerRecords {
	readonly #outbox: Outbox;

	constructor(outbox: Outbox) {
		this.#outbox = outbox;
	}

	/** Returns the record's `n`. One that is not urgent waits a moment for others to share their write. */
	append<T extends RunnerEventType>(
		type: T,
		payload: RunnerEventPayload<T>,
		urgent = true
	): number {
		return this.#outbox.append('runner', type, payload, urgent);
	}
}
