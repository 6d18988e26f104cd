/**
 * What draws changes, loaded late and once: most sessions are only talked to. Whoever may want it soon asks
 * ahead; what could not be loaded is loaded anew when it is asked for again.
 */
const once = <T>(load: () => Promise<T>): (() => Promise<T>) => {
	let loading: Promise<T> | null = null;
	return () => {
		loading ??= load().catch((cause: unknown) => {
			loading = null;
			throw cause;
		});
		return loading;
	};
};

/** Draws one file; many times as large as the rest. */
export const loadFileDiff = once(() => import('./file-diff.svelte'));
const loadPanel = once(() => import('./changes-panel.svelte'));

/** Both on their way at once: who opens the one is soon to see the other. */
export const loadChangesPanel = (): ReturnType<typeof loadPanel> => {
	loadFileDiff().catch(() => undefined);
	return loadPanel();
};

/** Ahead of the wish. Why it could not be is shown where it is waited for. */
export const preloadChanges = (): void => void loadChangesPanel().catch(() => undefined);
