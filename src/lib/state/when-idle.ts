/** Runs a task when the page has nothing better to do. Returns how to call it off. */
export type WhenIdle = (task: () => void) => () => void;

export const whenIdle: WhenIdle = (task) => {
	if (typeof requestIdleCallback === 'function') {
		const id = requestIdleCallback(task, { timeout: 2_000 });
		return () => cancelIdleCallback(id);
	}
	const id = setTimeout(task, 100);
	return () => clearTimeout(id);
};
