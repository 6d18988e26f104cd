/** The time of day as reactive state, for "3 min ago" and for countdowns. Ticks while it is read. */
import { createSubscriber } from 'svelte/reactivity';

export class Clock {
	readonly #subscribe: () => void;

	constructor(everyMs: number) {
		this.#subscribe = createSubscriber((update) => {
			const timer = setInterval(update, everyMs);
			return () => clearInterval(timer);
		});
	}

	/** Milliseconds since the epoch, at most one tick old. */
	get now(): number {
		this.#subscribe();
		return Date.now();
	}
}

/** For ages in lists. */
export const slowClock = new Clock(20_000);
/** For countdowns and running durations. */
export const secondClock = new Clock(1_000);
