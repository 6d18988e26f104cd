/** One at a time per key, in the order of asking. */
export interface KeyedMutex {
	/**
	 * Runs `task` when every earlier one with this key has ended. Rejects with the signal's reason,
	 * without running, when it aborts while still waiting.
	 */
	run<T>(key: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

const untilAborted = (previous: Promise<unknown>, signal: AbortSignal): Promise<unknown> =>
	new Promise((resolve, reject) => {
		if (signal.aborted) return reject(signal.reason);
		const onAbort = (): void => reject(signal.reason);
		signal.addEventListener('abort', onAbort, { once: true });
		void previous.then(() => {
			signal.removeEventListener('abort', onAbort);
			resolve(undefined);
		});
	});

export const createKeyedMutex = (): KeyedMutex => {
	const tails = new Map<string, Promise<unknown>>();
	return {
		async run(key, task, signal) {
			const previous = tails.get(key) ?? Promise.resolve();
			let release = (): void => undefined;
			const mine = new Promise<void>((resolve) => (release = resolve));
			const tail = previous.then(() => mine);
			tails.set(key, tail);
			try {
				await (signal ? untilAborted(previous, signal) : previous);
				return await task();
			} finally {
				release();
				if (tails.get(key) === tail) tails.delete(key);
			}
		}
	};
};
