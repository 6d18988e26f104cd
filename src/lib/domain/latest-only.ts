/**
 * Runs a look at something once more if it was asked for while one was on its way, so that what is shown
 * last was also read last. Asked for often, it still runs one at a time.
 */
export const latestOnly = <K>(look: (key: K) => Promise<void>): ((key: K) => void) => {
	/** Keys of looks on their way; true when another is due after it. */
	const running = new Map<K, boolean>();
	const run = async (key: K): Promise<void> => {
		do {
			running.set(key, false);
			await look(key);
		} while (running.get(key));
		running.delete(key);
	};
	return (key) => {
		if (running.has(key)) running.set(key, true);
		else void run(key);
	};
};
