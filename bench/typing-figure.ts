/**
 * How soon a character is on the screen while an answer streams in, beside the same page at rest: from the
 * time stamp of the key's event, which the browser gives it when it comes in, to the end of the first frame
 * after the box has it. The page's own work on what streams is in it, and so is the wait for the next frame.
 */
import { chromiumPath } from '../tests/support/chromium.ts';
import { ms, notMeasured, signed, type Figure } from './figure.ts';
import { Manager } from './manager-process.ts';
import { SessionPage } from './session-page.ts';
import { quantile } from './statistics.ts';

const FIGURE = 'key → character in the composer, 100 deltas/s, p95';
const GOAL_MS = 8;
const GOAL = `≤ +${GOAL_MS} ms`;
/** A hundred pieces a second, longer than somebody types here. */
const STREAMS = '[[demo: text chunks=6000 interval=10]]';
const WORDS = 'the parser takes the first line and gives the rest back to whoever asked';

export const typingFigure: Figure = {
	name: 'typing',
	runs: 5,
	async measure(bench, runs) {
		const executablePath = chromiumPath();
		if (!executablePath) return [notMeasured(FIGURE, GOAL, 'Chromium is not installed')];
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const browser = await manager.browse();
		const repoId = await manager.registerRepo(bench.repoPath);
		const view = await browser.startSession(repoId, '[[demo: text text="Ready."]]');
		await view.turn();
		const page = await SessionPage.open(bench, manager, executablePath, view.id);
		const restingMs: number[] = [];
		const streamingMs: number[] = [];
		const atRest = async (): Promise<void> => void restingMs.push(...(await page.type(WORDS)));
		const streaming = async (run: number): Promise<void> => {
			const turn = view.send(STREAMS);
			await page.shows('#50');
			streamingMs.push(...(await page.type(WORDS)));
			await page.interrupt();
			await turn;
			await page.rests();
			bench.say(`run ${run + 1} of ${runs}`);
		};
		// The first keys of a page load what it needs for them.
		await page.type(WORDS);
		for (let run = 0; run < runs; run += 1) {
			const both = [atRest, () => streaming(run)];
			for (const side of run % 2 === 0 ? both : both.toReversed()) await side();
		}
		await page.close();
		browser.close();
		await manager.end();
		const limit = quantile(restingMs, 0.95);
		const measured = quantile(streamingMs, 0.95);
		const extra = measured - limit;
		return [
			{
				figure: FIGURE,
				limit: ms(limit),
				measured: ms(measured),
				comparison: signed(ms(extra), extra),
				goal: GOAL,
				ok: extra <= GOAL_MS
			}
		];
	}
};
