/**
 * Put into a page before its own scripts: a network that can be taken away under its WebSocket.
 * `away(true)` breaks it off and lets no new one open; `away(false)` says that it is back.
 */
(() => {
	/** @type {Set<WebSocket>} */
	const open = new Set();
	let isAway = false;
	class Line extends WebSocket {
		/** @param {string | URL} url */
		constructor(url) {
			// The page's own rules forbid this address: it fails at once.
			super(isAway ? 'ws://nowhere.invalid/' : url);
			open.add(this);
		}
	}
	window.WebSocket = Line;
	Object.assign(window, {
		/** @param {boolean} is */
		away(is) {
			isAway = is;
			if (is) for (const line of open) line.close();
			else window.dispatchEvent(new Event('online'));
		}
	});
})();
