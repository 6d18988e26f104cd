/** How the scripts speak: one line when a long step begins, one when it is done. */

const interactive = process.stdout.isTTY === true;

/** @param {string} text */
export function say(text) {
	process.stdout.write(`${text}\n`);
}

/**
 * Ends the process with words instead of a stack.
 * @param {string} text
 * @param {number} [code]
 * @returns {never}
 */
export function fail(text, code = 1) {
	process.stderr.write(`\n${text}\n\n`);
	process.exit(code);
}

/**
 * Runs a long step and shows that it goes on: a line that counts seconds in a terminal, one line at
 * the beginning and one at the end elsewhere.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
	const start = performance.now();
	const seconds = () => ((performance.now() - start) / 1000).toFixed(interactive ? 0 : 1);
	const draw = () => process.stdout.write(`\r\x1b[2K… ${title} (${seconds()} s)`);
	if (!interactive) say(`… ${title}`);
	const timer = interactive ? setInterval(draw, 1000) : null;
	if (interactive) draw();
	try {
		const result = await work();
		if (interactive) process.stdout.write('\r\x1b[2K');
		say(`✓ ${title} (${seconds()} s)`);
		return result;
	} catch (error) {
		if (interactive) process.stdout.write('\r\x1b[2K');
		say(`✗ ${title} (${seconds()} s)`);
		throw error;
	} finally {
		if (timer) clearInterval(timer);
	}
}
