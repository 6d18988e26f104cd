/** In the page: how long each frame took to come after the one before, in milliseconds. */
window.frameGaps = (forMs) =>
	new Promise((resolve) => {
		const gaps = [];
		const begun = performance.now();
		let last = begun;
		const frame = (now) => {
			gaps.push(now - last);
			last = now;
			if (now - begun < forMs) requestAnimationFrame(frame);
			// The first ones are of what went on before.
			else resolve(gaps.slice(2));
		};
		requestAnimationFrame(frame);
	});
