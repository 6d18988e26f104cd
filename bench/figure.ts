/** A line of the table, and what every figure is measured with. */
import type { Workbench } from './workbench.ts';

export interface Row {
	figure: string;
	/** What the limit, measured in the same run, came to. */
	limit: string;
	measured: string;
	/** The ratio or difference that the goal is about. */
	comparison: string;
	goal: string;
	/** null: could not be measured; `comparison` says why. */
	ok: boolean | null;
}

export interface Figure {
	/** For `--only`. */
	name: string;
	/** Runs unless `--runs` says otherwise. */
	runs: number;
	measure(bench: Workbench, runs: number): Promise<Row[]>;
}

export const ms = (value: number): string =>
	value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 100 ? 1 : 0)} ms`;

export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;

export const signed = (text: string, value: number): string => (value < 0 ? text : `+${text}`);

export const notMeasured = (figure: string, goal: string, why: string): Row => ({
	figure,
	limit: '',
	measured: '',
	comparison: `not measured: ${why}`,
	goal,
	ok: null
});
