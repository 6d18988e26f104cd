/**
 * A session that has changed many files: how long a person waits for the first, beside `git diff --stat`; and
 * how the list is to use, beside one of few files.
 */
import { runProgram } from '../scripts/run-program.mjs';
import { chromiumPath } from '../tests/support/chromium.ts';
import { FEW_FILES, MANY, MANY_FIGURES, MANY_LISTED, useRows } from './changes-list.ts';
import { changedSession, Review, type Work } from './changes-review.ts';
import { nowMs } from './clock.mjs';
import { ms, notMeasured, signed, type Figure, type Row } from './figure.ts';
import { Manager } from './manager-process.ts';
import { median } from './statistics.ts';
import type { Workbench } from './workbench.ts';

const FILES = 2_000;
const MAX_EXTRA_MS = 500;
const LISTED = `${FILES} changed files: request → first file painted`;
const DRAWN = `${FILES} changed files: request → diff of the first painted`;
const GOAL = `≤ +${MAX_EXTRA_MS} ms`;

const statMs = async (diff: string[]): Promise<number> => {
	const from = nowMs();
	await runProgram('git', diff, { quiet: true });
	return nowMs() - from;
};

const row = (figure: string, limit: number, measured: number): Row => ({
	figure,
	limit: ms(limit),
	measured: ms(measured),
	comparison: signed(ms(measured - limit), measured - limit),
	goal: GOAL,
	ok: measured - limit <= MAX_EXTRA_MS
});

/** The page's times to the first file and to its diff, each beside git alone. */
const openRows = async (
	bench: Workbench,
	review: Review,
	{ id, diff }: Work,
	figures: { listed: string; drawn?: string },
	runs: number
): Promise<Row[]> => {
	const stat: number[] = [];
	const listed: number[] = [];
	const drawn: number[] = [];
	await review.open(id);
	for (let run = 0; run < runs; run += 1) {
		bench.say(`run ${run + 1} of ${runs}`);
		const bare = async () => stat.push(await statMs(diff));
		const ours = async () => {
			const { listedMs, drawnMs } = await review.open(id);
			listed.push(listedMs);
			drawn.push(drawnMs);
		};
		for (const side of run % 2 === 0 ? [bare, ours] : [ours, bare]) await side();
	}
	const limit = median(stat);
	const rows = [row(figures.listed, limit, median(listed))];
	if (figures.drawn !== undefined) rows.push(row(figures.drawn, limit, median(drawn)));
	return rows;
};

export const changesFigure: Figure = {
	name: 'changes',
	runs: 7,
	async measure(bench, runs) {
		const executablePath = chromiumPath();
		if (!executablePath) {
			const why = 'Chromium is not installed';
			return [LISTED, DRAWN, ...MANY_FIGURES].map((figure) => notMeasured(figure, GOAL, why));
		}
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const wide = await changedSession(bench, manager, FILES, 'src/*/*');
		const many = await changedSession(bench, manager, MANY, 'src/*/*');
		const few = await changedSession(bench, manager, MANY, FEW_FILES);
		const review = await Review.launch(bench, manager, executablePath);
		const rows = [
			...(await openRows(bench, review, wide, { listed: LISTED, drawn: DRAWN }, runs)),
			...(await openRows(bench, review, many, { listed: MANY_LISTED }, runs)),
			...(await useRows(bench, review, many.id, few.id, runs))
		];
		await review.close();
		await manager.end();
		return rows;
	}
};
