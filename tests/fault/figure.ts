/** A line of the suite's table, and what every figure is told. */
import { countViolations, type Violation } from './checker.ts';
import type { Verdict } from './world.ts';

export interface Row {
	figure: string;
	goal: string;
	measured: string;
	/** null: could not be measured; `measured` says why. */
	ok: boolean | null;
}

export interface FigureOptions {
	seed: number;
	kills: number;
	/** How many sandboxes are ended to ask for the cause. */
	deaths: number;
	/** In ms of `performance.now()`; null: no limit. */
	endAt: number | null;
	/** Progress for a person. */
	say: (text: string) => void;
}

export interface Figure {
	/** For `--only`. */
	name: string;
	measure(options: FigureOptions): Promise<Row[]>;
}

const MOST_SHOWN = 10;

/** The first few, one a line, so that a run that fails says where to look. */
export const tellViolations = (violations: readonly Violation[], say: (text: string) => void) => {
	for (const { kind, where, sessionId, what } of violations.slice(0, MOST_SHOWN)) {
		say(`${kind}: ${what} at ${where}, session ${sessionId}`);
	}
	if (violations.length > MOST_SHOWN) say(`… and ${violations.length - MOST_SHOWN} more`);
};

/** Lost, twice, out of order, and what is not the same. */
export const describeVerdict = ({ violations, events }: Verdict): string => {
	const {
		lost,
		twice,
		changed,
		invented,
		'out of order': outOfOrder
	} = countViolations(violations);
	const others = changed + invented > 0 ? `, ${changed + invented} not the same` : '';
	return `${lost} lost, ${twice} twice, ${outOfOrder} out of order${others}, of ${events} events`;
};
