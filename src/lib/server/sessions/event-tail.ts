/**
 * The newest events of a session as JSON text, so that viewers at the head need no query and each
 * event is turned into text once for all of them. Bounded by count and by size.
 */
export interface TailEntry {
	seq: number;
	/** The `SessionEvent` as JSON. */
	json: string;
}

const MAX_ENTRIES = 1_000;
const MAX_LENGTH = 2_000_000;

export class EventTail {
	#entries: TailEntry[] = [];
	#length = 0;

	/** Entries must continue the tail without a hole; the caller owns the order. */
	push(entries: readonly TailEntry[]): void {
		for (const entry of entries) {
			this.#entries.push(entry);
			this.#length += entry.json.length;
		}
		let drop = 0;
		while (
			this.#entries.length - drop > MAX_ENTRIES ||
			(this.#length > MAX_LENGTH && this.#entries.length - drop > 1)
		) {
			this.#length -= this.#entries[drop]?.json.length ?? 0;
			drop += 1;
		}
		// Cut in larger steps, so that a full tail does not move its array at each event.
		if (drop > 0) this.#entries = this.#entries.slice(drop);
	}

	/** Lets go of all; what is pushed next begins anew. */
	clear(): void {
		this.#entries = [];
		this.#length = 0;
	}

	/** Events after `after`, at most `limit`; null when the tail does not reach back that far. */
	readAfter(after: number, limit: number): TailEntry[] | null {
		const first = this.#entries[0];
		if (!first || first.seq > after + 1) return null;
		const start = after + 1 - first.seq;
		return this.#entries.slice(start, start + limit);
	}
}
