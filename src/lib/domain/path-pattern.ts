/** Paths of a worktree and the patterns that rules name them by. Lexical: nothing is looked up. */

/**
 * The path relative to the worktree, without `.` and `..`; null when it leads out of it, or is not to be
 * read with certainty.
 */
export const worktreePath = (path: string, worktree: string): string | null => {
	if (path.includes('\0') || path.startsWith('~')) return null;
	const root = worktree.replace(/\/+$/, '');
	const isAbsolute = path.startsWith('/');
	if (isAbsolute && path !== root && !path.startsWith(`${root}/`)) return null;
	const segments: string[] = [];
	for (const segment of (isAbsolute ? path.slice(root.length) : path).split('/')) {
		if (segment === '' || segment === '.') continue;
		if (segment !== '..') segments.push(segment);
		else if (segments.pop() === undefined) return null;
	}
	return segments.join('/');
};

/** Matches a row of units against a row with stars, in the square of their number at worst. */
const matches = <U>(
	pattern: readonly U[],
	row: readonly U[],
	isStar: (unit: U) => boolean,
	fits: (wanted: U, unit: U) => boolean
): boolean => {
	let [p, r, star, mark] = [0, 0, -1, 0];
	while (r < row.length) {
		const wanted = pattern[p];
		const unit = row[r] as U;
		if (wanted !== undefined && isStar(wanted)) {
			star = p++;
			mark = r;
		} else if (wanted !== undefined && fits(wanted, unit)) {
			p += 1;
			r += 1;
		} else if (star !== -1) {
			p = star + 1;
			r = ++mark;
		} else return false;
	}
	while (p < pattern.length && isStar(pattern[p] as U)) p += 1;
	return p === pattern.length;
};

const segmentFits = (pattern: string, segment: string): boolean =>
	matches(
		[...pattern],
		[...segment],
		(char) => char === '*',
		(wanted, char) => wanted === '?' || wanted === char
	);

/** `*` and `?` stay within a folder, `**` stands for any number of them. */
export const pathFits = (pattern: string, path: string): boolean =>
	matches(
		pattern.split('/'),
		path.split('/'),
		(segment) => segment === '**',
		(wanted, segment) => segmentFits(wanted, segment)
	);

/** The pattern as it is kept, or in words what is wrong with it. */
export const readPattern = (text: string): { pattern: string } | { problem: string } => {
	if (text.startsWith('/') || text.startsWith('~')) {
		return {
			problem: 'Paths count from the worktree: write src/** instead of a path from the root.'
		};
	}
	const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.');
	if (segments.includes('..')) return { problem: 'A path can’t lead out of the worktree.' };
	if (segments.length === 0) return { problem: 'Name a path of the worktree, such as src/**.' };
	if (text.endsWith('/')) segments.push('**');
	return { pattern: segments.join('/') };
};
