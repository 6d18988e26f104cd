/** The lines of a unified diff: to choose some of them by keys, and to quote them. Pure. */

/** Which file a line number counts in: the one before the change, or the one after it. */
export type DiffSide = 'old' | 'new';

export interface LineRange {
	side: DiffSide;
	from: number;
	to: number;
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

interface WalkedLine {
	/** With its mark. */
	line: string;
	mark: ' ' | '+' | '-';
	/** The numbers that the next line of each side has, this one included. */
	at: Readonly<Record<DiffSide, number>>;
}

function* walk(hunks: string): Generator<WalkedLine> {
	let at = { old: 0, new: 0 };
	for (const line of hunks.split('\n')) {
		const begin = HUNK.exec(line);
		if (begin) {
			at = { old: Number(begin[1]), new: Number(begin[2]) };
			continue;
		}
		const mark = line[0];
		if (mark !== ' ' && mark !== '+' && mark !== '-') continue;
		yield { line, mark, at: { ...at } };
		if (mark !== '+') at.old += 1;
		if (mark !== '-') at.new += 1;
	}
}

/**
 * Lines of the range with their mark (` `, `+`, `-`), those of the other side between them included; empty
 * when the diff does not show them.
 */
export const quoteLines = (hunks: string, { side, from, to }: LineRange): string[] => {
	const quoted: string[] = [];
	for (const { line, mark, at } of walk(hunks)) {
		const isOwn = mark === ' ' || mark === (side === 'new' ? '+' : '-');
		const isInside = at[side] >= from && at[side] <= to;
		// A line of the other side lies between two of this one.
		const isBetween = !isOwn && quoted.length > 0 && at[side] > from && at[side] <= to;
		if ((isOwn && isInside) || isBetween) quoted.push(line);
	}
	return quoted;
};

export interface DiffLine {
	/** The number that it has on each side; null where it is not. */
	numbers: Readonly<Record<DiffSide, number | null>>;
	/** With its mark. */
	text: string;
}

/** All lines, in the order in which one column shows them. */
export const diffLines = (hunks: string): DiffLine[] =>
	Array.from(walk(hunks), ({ line, mark, at }) => ({
		numbers: { old: mark === '+' ? null : at.old, new: mark === '-' ? null : at.new },
		text: line
	}));

/** Lines chosen by keys: from where the choice began to where the cursor stands, in the list of all lines. */
export interface LineCursor {
	anchor: number;
	at: number;
}

/** A line that both sides have counts as one after the change. */
const sideOf = (line: DiffLine | undefined): DiffSide =>
	typeof line?.numbers.new === 'number' ? 'new' : 'old';

/** One line on or back. Extended, it goes over lines that the side where it began does not have. */
export const moveCursor = (
	lines: readonly DiffLine[],
	{ anchor, at }: LineCursor,
	by: 1 | -1,
	extend: boolean
): LineCursor => {
	const side = sideOf(lines[anchor]);
	let next = at + by;
	while (extend && lines[next] && lines[next]?.numbers[side] === null) next += by;
	if (!lines[next]) return { anchor, at };
	return extend ? { anchor, at: next } : { anchor: next, at: next };
};

/** What the cursor has chosen; null when there is no such line. */
export const chosenLines = (
	lines: readonly DiffLine[],
	{ anchor, at }: LineCursor
): LineRange | null => {
	const side = sideOf(lines[anchor]);
	const one = lines[anchor]?.numbers[side];
	const other = lines[at]?.numbers[side];
	if (typeof one !== 'number' || typeof other !== 'number') return null;
	return { side, from: Math.min(one, other), to: Math.max(one, other) };
};
