/** Numbers and times as people read them. Pure, no locale surprises: the app speaks English. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Such as `just now`, `5 min ago`, `3 h ago`, `2 d ago`, then the date. */
export const ageText = (timestamp: string, nowMs: number): string => {
	const thenMs = Date.parse(timestamp);
	const age = nowMs - thenMs;
	if (age < MINUTE) return 'just now';
	if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
	if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
	if (age < 14 * DAY) return `${Math.floor(age / DAY)} d ago`;
	return new Date(thenMs).toISOString().slice(0, 10);
};

/** The same without "ago", for narrow places: `now`, `5m`, `3h`, `2d`. */
export const shortAgeText = (timestamp: string, nowMs: number): string => {
	const age = nowMs - Date.parse(timestamp);
	if (age < MINUTE) return 'now';
	if (age < HOUR) return `${Math.floor(age / MINUTE)}m`;
	if (age < DAY) return `${Math.floor(age / HOUR)}h`;
	return `${Math.floor(age / DAY)}d`;
};

/** Such as `240 ms`, `3.1 s`, `2 min 5 s`. */
/** A moment near now as a clock says it here, with the day where that is another one. */
export const momentText = (timestamp: string, nowMs: number): string => {
	const at = new Date(timestamp);
	if (Number.isNaN(at.getTime())) return timestamp;
	const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
	const isToday = at.toDateString() === new Date(nowMs).toDateString();
	return isToday
		? time
		: `${at.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`;
};

export const durationText = (ms: number): string => {
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
	// Rounded once: 59.9 s is a minute, not "60 s".
	const total = Math.round(ms / 1000);
	const minutes = Math.floor(total / 60);
	const seconds = total % 60;
	if (minutes === 0) return `${seconds} s`;
	return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
};

/** Such as `$0.04`, `$12.30`; `$0` when nothing was spent. */
export const costText = (usd: number): string => {
	if (usd === 0) return '$0';
	if (usd < 0.01) return '< $0.01';
	return `$${usd.toFixed(2)}`;
};

/** Such as `950`, `12.4k`, `3.1M`. */
export const countText = (count: number): string => {
	if (count < 1000) return String(count);
	if (count < 100_000) return `${(count / 1000).toFixed(1)}k`;
	if (count < 1_000_000) return `${Math.round(count / 1000)}k`;
	return `${(count / 1_000_000).toFixed(1)}M`;
};

/** `1st`, `2nd`, `3rd`, `11th`. */
export const ordinal = (count: number): string => {
	const teen = count % 100 >= 11 && count % 100 <= 13;
	const ending = teen ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
	return `${count}${ending}`;
};

/** Such as `512 B`, `1.4 MB`, `12 GB`; powers of 1,000, as disks are sold. */
export const bytesText = (bytes: number): string => {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	let value = bytes;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 0 : 1;
	return `${value.toFixed(digits)} ${units[unit]}`;
};

/** `1 session`, `2 sessions`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
	`${count} ${count === 1 ? one : many}`;
