/** One thing at a time for each session; sessions do not wait for each other. */
export type SessionTurns = <T>(session: string, work: () => Promise<T>) => Promise<T>;

export const createSessionTurns = (): SessionTurns => {
	const last = new Map<string, Promise<unknown>>();
	return (session, work) => {
		const before = last.get(session) ?? Promise.resolve();
		const turn = before.then(work, work);
		last.set(session, turn);
		const forget = (): void => {
			if (last.get(session) === turn) last.delete(session);
		};
		turn.then(forget, forget);
		return turn;
	};
};
