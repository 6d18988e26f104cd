/** One change at a time for each session: a close can't overtake the open before it. */
export interface SessionQueue {
	/** Runs `work` after all that was queued for this session before; settles as it does. */
	run<T>(sessionId: string, work: () => Promise<T>): Promise<T>;
	/** Sessions with work that is not done. */
	busy(): string[];
}

export function createSessionQueue(): SessionQueue {
	const tails = new Map<string, Promise<unknown>>();
	return {
		run(sessionId, work) {
			const before = tails.get(sessionId) ?? Promise.resolve();
			const run = before.then(work, work);
			const settled = run.catch(() => {});
			tails.set(sessionId, settled);
			void settled.then(() => {
				if (tails.get(sessionId) === settled) tails.delete(sessionId);
			});
			return run;
		},
		busy: () => [...tails.keys()]
	};
}
