/**
 * Runs the task before the next paint; in a hidden tab, where nothing is painted, after a while.
 * Frames that arrive in between are taken together, so a flood costs one redraw for each paint.
 */
export type Schedule = (task: () => void) => void;

const HIDDEN_DELAY_MS = 250;

export const beforeNextPaint: Schedule = (task) => {
	if (document.hidden) {
		setTimeout(task, HIDDEN_DELAY_MS);
		return;
	}
	let done = false;
	const once = (): void => {
		if (done) return;
		done = true;
		task();
	};
	requestAnimationFrame(once);
	// A tab that is hidden between asking and painting would wait until it is shown again.
	setTimeout(once, HIDDEN_DELAY_MS);
};
