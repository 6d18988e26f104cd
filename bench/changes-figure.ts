/** A session that has changed many files: how long a person waits for the first, beside `git diff --stat`. */
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import type { Changes } from '../packages/protocol/src/changes.ts';
import { runProgram } from '../scripts/run-program.mjs';
import { chromiumPath } from '../tests/support/chromium.ts';
import { nowMs } from './clock.mjs';
import { ms, notMeasured, signed, type Figure, type Row } from './figure.ts';
import { Manager } from './manager-process.ts';
import { median } from './statistics.ts';
import { makeWideRepo } from './wide-repo.ts';
import { ROOT, type Workbench } from './workbench.ts';

const FILES = 2_000;
const MAX_EXTRA_MS = 500;
const LISTED = `${FILES} changed files: request → first file painted`;
const DRAWN = `${FILES} changed files: request → diff of the first painted`;
const GOAL = `≤ +${MAX_EXTRA_MS} ms`;
const PROMPT =
	'[[demo: parallel bash="for file in src/*/*; do echo changed >> $file; done"]]' +
	'[[demo: commit message="Change everything"]]';

interface Work {
	id: string;
	/** What is compared, and where. */
	diff: string[];
}

const changeEverything = async (bench: Workbench, manager: Manager): Promise<Work> => {
	const repoId = await manager.registerRepo(await makeWideRepo(bench, FILES));
	const browser = await manager.browse();
	const view = await browser.startSession(repoId, PROMPT);
	await view.turn();
	browser.close();
	const { from, to, fetchCommand } = await manager.call<Changes>(
		'GET',
		`/api/sessions/${view.id}/changes`
	);
	// It names the mirror as a person may use it.
	const mirror = /^git fetch (\S+)/.exec(fetchCommand ?? '')?.[1];
	if (from === null || to === null || !mirror) throw new Error('nothing was committed');
	return { id: view.id, diff: ['-C', mirror, 'diff', '--stat', from, to] };
};

const statMs = async (diff: string[]): Promise<number> => {
	const from = nowMs();
	await runProgram('git', diff, { quiet: true });
	return nowMs() - from;
};

type Opener = Window & { openChanges: () => Promise<{ listedMs: number; drawnMs: number }> };

const openMs = async (page: Page, url: string) => {
	await page.goto('about:blank');
	await page.goto(url);
	await page.getByRole('button', { name: 'Changes', exact: true }).waitFor();
	await page.waitForLoadState('networkidle');
	return page.evaluate(() => (window as unknown as Opener).openChanges());
};

const row = (figure: string, limit: number, measured: number): Row => ({
	figure,
	limit: ms(limit),
	measured: ms(measured),
	comparison: signed(ms(measured - limit), measured - limit),
	goal: GOAL,
	ok: measured - limit <= MAX_EXTRA_MS
});

export const changesFigure: Figure = {
	name: 'changes',
	runs: 7,
	async measure(bench, runs) {
		const executablePath = chromiumPath();
		if (!executablePath) {
			const why = 'Chromium is not installed';
			return [LISTED, DRAWN].map((figure) => notMeasured(figure, GOAL, why));
		}
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const { id, diff } = await changeEverything(bench, manager);
		const browser = await chromium.launch({ executablePath });
		bench.onEnd(() => browser.close());
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
		await page.addInitScript({ path: join(ROOT, 'bench', 'page-changes.js') });
		await page.goto(`${manager.origin}/sign-in?token=${manager.token}`);
		const url = `${manager.origin}/sessions/${id}`;
		const stat: number[] = [];
		const listed: number[] = [];
		const drawn: number[] = [];
		await openMs(page, url);
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			const bare = async () => stat.push(await statMs(diff));
			const ours = async () => {
				const { listedMs, drawnMs } = await openMs(page, url);
				listed.push(listedMs);
				drawn.push(drawnMs);
			};
			for (const side of run % 2 === 0 ? [bare, ours] : [ours, bare]) await side();
		}
		await browser.close();
		await manager.end();
		const limit = median(stat);
		return [row(LISTED, limit, median(listed)), row(DRAWN, limit, median(drawn))];
	}
};
