/** In the page: presses the button, and waits until both are there and the browser has painted. */
window.openChanges = async () => {
	const panel = '[data-testid="changes-panel"]';
	const painted = () =>
		new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
	const appears = async (find) => {
		for (;;) {
			const found = find();
			if (found) return found;
			await new Promise((resolve) => setTimeout(resolve, 1));
		}
	};
	const from = performance.now();
	[...document.querySelectorAll('button')]
		.find((button) => button.textContent.trim() === 'Changes')
		?.click();
	const row = await appears(() =>
		document.querySelector(`${panel} [aria-label^="Changed files"] button`)
	);
	await painted();
	const listedMs = performance.now() - from;
	row.click();
	await appears(() =>
		document
			.querySelector(`${panel} diffs-container`)
			?.shadowRoot?.querySelector('[data-line-type="change-addition"]')
	);
	await painted();
	return { listedMs, drawnMs: performance.now() - from };
};
