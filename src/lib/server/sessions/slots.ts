/** How many may be at something at once; the others wait in the order of asking. */
export class Slots {
	#free: number;
	readonly #waiting: (() => void)[] = [];

	constructor(count: number) {
		this.#free = count;
	}

	/** Whether the next one would have to wait. */
	get areTaken(): boolean {
		return this.#free === 0;
	}

	/** How many wait. */
	get waiting(): number {
		return this.#waiting.length;
	}

	/** Gives what frees the slot again, once; null when the signal aborts. */
	async acquire(signal: AbortSignal): Promise<(() => void) | null> {
		if (signal.aborted) return null;
		if (this.#free > 0) this.#free -= 1;
		else if (!(await this.#turn(signal))) return null;
		let held = true;
		return () => {
			if (!held) return;
			held = false;
			const next = this.#waiting.shift();
			if (next) next();
			else this.#free += 1;
		};
	}

	#turn(signal: AbortSignal): Promise<boolean> {
		return new Promise((resolve) => {
			const take = (): void => {
				signal.removeEventListener('abort', giveUp);
				resolve(true);
			};
			const giveUp = (): void => {
				this.#waiting.splice(this.#waiting.indexOf(take), 1);
				resolve(false);
			};
			signal.addEventListener('abort', giveUp, { once: true });
			this.#waiting.push(take);
		});
	}
}
