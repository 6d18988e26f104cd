/** In the page: uses the panel of changes, and says when the browser has painted what came of it. */
const PANEL = '[data-testid="changes-panel"]';
const LIST = `${PANEL} [aria-label^="Changed files"]`;

const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));

const appears = async (find) => {
	for (;;) {
		const found = find();
		if (found) return found;
		await new Promise((resolve) => setTimeout(resolve, 1));
	}
};

const diffDrawn = () =>
	appears(() =>
		document
			.querySelector(`${PANEL} diffs-container`)
			?.shadowRoot?.querySelector('[data-line-type="change-addition"]')
	);

/** Presses the button, and waits for the first file, and for its diff: beside the list it opens by itself. */
window.openChanges = async () => {
	const from = performance.now();
	[...document.querySelectorAll('button')]
		.find((button) => button.textContent.trim() === 'Changes')
		?.click();
	await appears(() => document.querySelector(`${LIST} button`));
	await painted();
	const listedMs = performance.now() - from;
	await diffDrawn();
	await painted();
	return { listedMs, drawnMs: performance.now() - from };
};

/** Opens the last file of the list, which is not the one that is open. */
window.pickLast = async () => {
	const list = document.querySelector(LIST);
	list.scrollTop = list.scrollHeight;
	await painted();
	await painted();
	list.scrollTop = list.scrollHeight;
	await painted();
	const row = [...list.querySelectorAll('button')].at(-1);
	const from = performance.now();
	row.click();
	await appears(() =>
		document
			.querySelector(`${PANEL} [data-testid="file-diff"]`)
			?.ariaLabel.startsWith(`Diff of ${row.title};`)
	);
	await diffDrawn();
	await painted();
	return performance.now() - from;
};

const keyMs = [];
document.addEventListener(
	'keydown',
	({ timeStamp }) => void painted().then(() => keyMs.push(performance.now() - timeStamp)),
	true
);
/** Those of each key since it was asked last. */
window.keyTimes = () => keyMs.splice(0);
