/** Midnights of a time zone, so that a day's sum is of the day that the person had. */

export interface Day {
	/** Such as `2026-11-26`. */
	name: string;
	startMs: number;
}

const DAY_MS = 86_400_000;

/** What clocks there show at a moment, as if it were UTC. */
const wallClock = (timeZone: string): ((atMs: number) => number) => {
	const format = new Intl.DateTimeFormat('en-US', {
		timeZone,
		hourCycle: 'h23',
		...{ year: 'numeric', month: 'numeric', day: 'numeric' },
		...{ hour: 'numeric', minute: 'numeric', second: 'numeric' }
	});
	return (atMs) => {
		const parts = Object.fromEntries(
			format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)])
		) as Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>;
		const { year, month, day, hour, minute, second } = parts;
		return Date.UTC(year, month - 1, day, hour, minute, second);
	};
};

/** The last `count` days up to now, the oldest first. */
export const lastDays = (count: number, timeZone: string, nowMs: number): Day[] => {
	const wall = wallClock(timeZone);
	const today = Math.floor(wall(nowMs) / DAY_MS) * DAY_MS;
	return Array.from({ length: count }, (_, index) => {
		const midnight = today - (count - 1 - index) * DAY_MS;
		// Twice: the first guess may lie on the other side of a change of the clocks.
		const guess = midnight - (wall(midnight) - midnight);
		const startMs = midnight - (wall(guess) - guess);
		return { name: new Date(midnight).toISOString().slice(0, 10), startMs };
	});
};
