/** In the page: when the browser has painted the character of a key, and that a turn was stopped. */
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));

const keyMs = [];
let pressedAt = null;
document.addEventListener('keydown', ({ timeStamp }) => (pressedAt = timeStamp), true);
// After the page's own listeners of the field, which may hold it up, too: `input` bubbles up to here.
window.addEventListener('input', ({ target }) => {
	const from = pressedAt;
	if (from === null || target.tagName !== 'TEXTAREA') return;
	pressedAt = null;
	void painted().then(() => keyMs.push(performance.now() - from));
});
/** Those of each key since it was asked last. */
window.characterTimes = () => keyMs.splice(0);

const lastTurn = () => [...document.querySelectorAll('[data-block="turn"]')].at(-1);

/** Presses Interrupt; how long it took until the turn's last line was painted, which says so. */
window.interruptTurn = async () => {
	const before = lastTurn();
	const button = [...document.querySelectorAll('button')].find(
		({ textContent }) => textContent.trim() === 'Interrupt'
	);
	const said = () => lastTurn() !== before && lastTurn()?.textContent.includes('Interrupted');
	const from = performance.now();
	button.click();
	await new Promise((resolve) => {
		const observer = new MutationObserver(() => {
			if (!said()) return;
			observer.disconnect();
			resolve();
		});
		observer.observe(document.body, { subtree: true, childList: true, characterData: true });
	});
	await painted();
	return performance.now() - from;
};
