/**
 * Holds what is being said back until the records before it are committed: a piece never overtakes a
 * stored event, a whole never either. Bounded: too much at once is dropped, and asked for as a whole
 * when the log has caught up.
 */
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { Partials } from './partials.ts';

type Item =
	| { afterN: number; length: number; deltas: readonly Delta[] }
	| { afterN: number; length: number; partials: readonly PartialMessage[] };

export interface DeltaGateOptions {
	partials: Partials;
	/** A piece that fits; viewers may have it. */
	onDelta: (delta: Delta) => void;
	/** All of what is being said was replaced. */
	onPartials: () => void;
	/** Pieces are missing: the runner shall say the whole. */
	askForWhole: () => void;
}

/** Characters that wait for their record; more than any model says between two commits. */
const WAITING_MAX_LENGTH = 8_000_000;

export class DeltaGate {
	readonly #options: DeltaGateOptions;
	#waiting: Item[] = [];
	#length = 0;
	/** Pieces were lost, and until the whole has come none that follow are of use. */
	#missing: 'no' | 'ask' | 'asked' = 'no';

	constructor(options: DeltaGateOptions) {
		this.#options = options;
	}

	/** `length`: how much it is, in characters. */
	push(item: Item, committedN: number): void {
		if ('partials' in item) {
			this.#drop();
			this.#missing = 'no';
		} else if (this.#missing !== 'no') return;
		this.#waiting.push(item);
		this.#length += item.length;
		if (this.#length > WAITING_MAX_LENGTH) {
			this.#drop();
			this.#missing = 'ask';
		}
		this.release(committedN);
	}

	/** Lets out what follows a record up to `committedN`. */
	release(committedN: number): void {
		while (this.#waiting[0] && this.#waiting[0].afterN <= committedN) {
			const item = this.#waiting.shift();
			if (!item) break;
			this.#length -= item.length;
			if (!this.#letOut(item)) {
				this.#drop();
				this.#missing = 'ask';
			}
		}
		if (this.#missing === 'ask' && this.#waiting.length === 0) {
			this.#missing = 'asked';
			this.#options.askForWhole();
		}
	}

	/** False when a piece does not continue what is known. */
	#letOut(item: Item): boolean {
		const { partials, onDelta, onPartials } = this.#options;
		if ('partials' in item) {
			partials.replace(item.partials);
			onPartials();
			return true;
		}
		for (const delta of item.deltas) {
			const applied = partials.apply(delta);
			if (applied === 'hole') return false;
			if (applied === 'ok') onDelta(delta);
		}
		return true;
	}

	#drop(): void {
		this.#waiting = [];
		this.#length = 0;
	}
}
