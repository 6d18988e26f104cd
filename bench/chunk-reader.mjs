/**
 * Reads the demo model's numbered, stamped chunks (`#12 t=1790000000000.123~~~`) out of what arrives.
 * Neighbouring chunks may come as one text; a chunk is never cut in two.
 */
export class ChunkReader {
	constructor() {
		/** Epoch ms at which the first text of the turn was here; null before. */
		this.firstAt = /** @type {number | null} */ (null);
		this.lastAt = /** @type {number | null} */ (null);
		/** @type {Set<number>} */
		this.numbers = new Set();
		/** Milliseconds from the model's sending to here, for each stamped chunk. @type {number[]} */
		this.latenciesMs = [];
	}

	/** @param {string} text @param {number} seenAt */
	take(text, seenAt) {
		this.firstAt ??= seenAt;
		this.lastAt = seenAt;
		for (const [, number, sentAt] of text.matchAll(/#(\d+)(?: t=(\d+\.\d+))?/g)) {
			if (this.numbers.has(Number(number))) continue;
			this.numbers.add(Number(number));
			if (sentAt !== undefined) this.latenciesMs.push(seenAt - Number(sentAt));
		}
	}

	summary() {
		const { firstAt, lastAt, numbers, latenciesMs } = this;
		return { firstAt, lastAt, count: numbers.size, latenciesMs };
	}
}
