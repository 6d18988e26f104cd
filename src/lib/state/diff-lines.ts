/** The lines of a unified diff, to quote some of them. Pure. */

/** Which file a line number counts in: the one before the change, or the one after it. */
export type DiffSide = 'old' | 'new';

export interface LineRange {
	side: DiffSide;
	from: number;
	to: number;
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/**
 * Lines of the range with their mark (` `, `+`, `-`), those of the other side between them included; empty
 * when the diff does not show them.
 */
export const quoteLines = (hunks: string, { side, from, to }: LineRange): string[] => {
	const quoted: string[] = [];
	let at = { old: 0, new: 0 };
	for (const line of hunks.split('\n')) {
		const begin = HUNK.exec(line);
		if (begin) {
			at = { old: Number(begin[1]), new: Number(begin[2]) };
			continue;
		}
		const mark = line[0];
		if (mark !== ' ' && mark !== '+' && mark !== '-') continue;
		const isOwn = mark === ' ' || mark === (side === 'new' ? '+' : '-');
		const isInside = at[side] >= from && at[side] <= to;
		// A line of the other side lies between two of this one.
		const isBetween = !isOwn && quoted.length > 0 && at[side] > from && at[side] <= to;
		if ((isOwn && isInside) || isBetween) quoted.push(line);
		if (mark !== '+') at.old += 1;
		if (mark !== '-') at.new += 1;
	}
	return quoted;
};
