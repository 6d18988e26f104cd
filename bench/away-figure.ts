/**
 * A session in which much happened while nobody looked: how long a page that comes back, a page that is
 * loaded, and a program need until they have the present.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { ENVELOPE_VERSION } from '../packages/protocol/src/protocol-version.ts';
import { chromiumPath } from '../tests/support/chromium.ts';
import { nowMs } from './clock.mjs';
import type { DoorPlace } from './door-runner.mjs';
import { ms, notMeasured, times, type Figure, type Row } from './figure.ts';
import { haltedSessions, releaseSessions } from './halted-sessions.ts';
import { Manager } from './manager-process.ts';
import { median } from './statistics.ts';
import { endProcess, ROOT, runBenchProgram, waitForLine } from './workbench.ts';

const FEW_EVENTS = 100;
const MANY_EVENTS = 50_000;
const COMES_BACK = `back after ${MANY_EVENTS} events: newest on the page’s screen`;
const COMES_BACK_GOAL = '≤ 1 s';
const LOADS = `page of a session, loaded: with ${MANY_EVENTS} events`;
const LOADS_GOAL = '≤ 1.5 ×';

type Away = Window & { away: (is: boolean) => void };

const setAway = (page: Page, is: boolean): Promise<void> =>
	page.evaluate((away) => (window as unknown as Away).away(away), is);

const happen = async (place: DoorPlace, count: number): Promise<void> => {
	const settings = { sessions: [place], perSecond: null, count };
	await once(runBenchProgram('paced-runner.mjs', settings), 'exit');
};

const shownMs = async (page: Page, count: number, act: () => Promise<unknown>): Promise<number> => {
	const from = nowMs();
	await act();
	await page.getByText(`Event ${count}:`).waitFor();
	return nowMs() - from;
};

const loadedMs = async (page: Page, url: string, count: number, runs: number): Promise<number> => {
	const all: number[] = [];
	for (let run = 0; run < runs; run += 1) {
		await page.goto('about:blank');
		all.push(await shownMs(page, count, () => page.goto(url, { waitUntil: 'commit' })));
	}
	return median(all);
};

/** `MANY_EVENTS` events happen in any case. */
const pageRows = async (
	bench: Parameters<Figure['measure']>[0],
	manager: Manager,
	place: DoorPlace,
	runs: number
): Promise<Row[]> => {
	const executablePath = chromiumPath();
	if (!executablePath) {
		await happen(place, MANY_EVENTS);
		const why = 'Chromium is not installed';
		return [notMeasured(COMES_BACK, COMES_BACK_GOAL, why), notMeasured(LOADS, LOADS_GOAL, why)];
	}
	const url = `${manager.origin}/sessions/${place.id}`;
	const browser = await chromium.launch({ executablePath });
	try {
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
		await page.addInitScript({ path: join(ROOT, 'bench', 'page-network.js') });
		await page.goto(`${manager.origin}/sign-in?token=${manager.token}`);
		const few = await loadedMs(page, url, FEW_EVENTS, runs);
		await setAway(page, true);
		await page.getByTestId('connection-banner').waitFor();
		bench.say(`${MANY_EVENTS} events while nobody looks`);
		await happen(place, MANY_EVENTS);
		const back = await shownMs(page, MANY_EVENTS, () => setAway(page, false));
		const many = await loadedMs(page, url, MANY_EVENTS, runs);
		return [
			{
				figure: COMES_BACK,
				limit: '',
				measured: ms(back),
				comparison: '',
				goal: COMES_BACK_GOAL,
				ok: back <= 1000
			},
			{
				figure: LOADS,
				limit: `${ms(few)} with ${FEW_EVENTS}`,
				measured: ms(many),
				comparison: times(many / few),
				goal: LOADS_GOAL,
				ok: many / few <= 1.5
			}
		];
	} finally {
		await browser.close();
	}
};

const programRow = async (manager: Manager, place: DoorPlace, head: number): Promise<Row> => {
	const { origin, token } = manager;
	const sessions = [{ id: place.id, afterSeq: head }];
	const settings = { origin, token, v: ENVELOPE_VERSION, sessions, count: MANY_EVENTS };
	const viewer = runBenchProgram('event-viewer.mjs', settings);
	const { allMs, inOrder } = JSON.parse((await waitForLine(viewer, /^\{.*\}$/))[0]) as {
		allMs: number;
		inOrder: boolean;
	};
	await endProcess(viewer);
	return {
		figure: `back after ${MANY_EVENTS} events: all of them at a plain subscriber`,
		limit: '',
		measured: ms(allMs),
		comparison: inOrder ? 'in order, without a hole' : 'OUT OF ORDER',
		goal: '≤ 5 s',
		ok: inOrder && allMs <= 5000
	};
};

export const awayFigure: Figure = {
	name: 'away',
	runs: 3,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const places = await haltedSessions(bench, manager, 1);
		const [place] = places;
		if (!place) throw new Error('no session was made');
		await happen(place, FEW_EVENTS);
		const head = await manager.headOf(place.id);
		const rows = await pageRows(bench, manager, place, runs);
		rows.push(await programRow(manager, place, head));
		await releaseSessions(places);
		await manager.end();
		return rows;
	}
};
