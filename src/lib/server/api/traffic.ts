/**
 * Requests on their way. While the app ends, no new one is let in, and those that are in get a moment:
 * what they write shall be written.
 */
export class Traffic {
	#inside = 0;
	#closed = false;
	#onIdle: (() => void) | null = null;

	/** Lets a request in; the answer lets it out, once. null: the app is ending. */
	enter(): (() => void) | null {
		if (this.#closed) return null;
		this.#inside += 1;
		return () => {
			this.#inside -= 1;
			if (this.#inside === 0) this.#onIdle?.();
		};
	}

	/** Lets nobody in any more. Resolves when the last one is out. */
	close(): Promise<void> {
		this.#closed = true;
		if (this.#inside === 0) return Promise.resolve();
		return new Promise((resolve) => (this.#onIdle = resolve));
	}
}
