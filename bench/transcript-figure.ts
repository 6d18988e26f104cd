/**
 * A long session on its page: opened at its end and at a link, searched, left open for an hour of events
 * (sped up), scrolled while events come in; beside a short session in the same run. And what JavaScript
 * the page takes.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type CDPSession, type Page, type Response } from '@playwright/test';
import type { SearchAnswer } from '../packages/protocol/src/transcript-places.ts';
import { chromiumPath } from '../tests/support/chromium.ts';
import { storeLongSession } from '../tests/support/long-session.ts';
import { nowMs } from './clock.mjs';
import type { DoorPlace } from './door-runner.mjs';
import { ms, notMeasured, signed, times, type Figure, type Row } from './figure.ts';
import { haltedSessions, releaseSessions } from './halted-sessions.ts';
import { Manager } from './manager-process.ts';
import { median, quantile } from './statistics.ts';
import { ROOT, runBenchProgram } from './workbench.ts';

const LONG = 100_000;
const SHORT = 100;
const OPEN = 'session of 100,000 events: request → last screen painted';
const LINK = 'the same: request → the event of a link painted, beside the end';
const FIND = '100,000 events: search → first answer; all looked at';
const HEAP = 'JS heap of the page: 100,000 events opened; after an hour at 20/s';
const FRAMES = 'frames while 100 events/s arrive and one scrolls, p95; longest';
const SCRIPTS = 'JavaScript of the session page, compressed';
const HOUR_EVENTS = 20 * 3_600;
const SCROLLED_MS = 5_000;

/** From the request until the page has painted what the selector finds. */
const openMs = async (page: Page, url: string, text: string): Promise<number> => {
	await page.goto('about:blank');
	const from = nowMs();
	await page.goto(url, { waitUntil: 'commit' });
	await page
		.getByRole('log')
		.getByText(text, { exact: false })
		.last()
		.waitFor({ state: 'visible' });
	await page.evaluate(
		() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)))
	);
	return nowMs() - from;
};

const heapMb = async (devtools: CDPSession): Promise<number> => {
	await devtools.send('HeapProfiler.collectGarbage');
	const { usedSize } = await devtools.send('Runtime.getHeapUsage');
	return usedSize / 1_048_576;
};

/** What the scripts of a page weigh compressed: over loopback they are served as they are. */
const scriptKb = async (page: Page, url: string): Promise<number> => {
	const sizes = new Map<string, Promise<number>>();
	const onResponse = (response: Response): void => {
		if (response.request().resourceType() !== 'script') return;
		sizes.set(
			response.url(),
			response.body().then((body) => gzipSync(body).length)
		);
	};
	page.on('response', onResponse);
	await page.goto(url);
	await page.waitForLoadState('networkidle');
	page.off('response', onResponse);
	const all = await Promise.all(sizes.values());
	return all.reduce((sum, size) => sum + size, 0) / 1_024;
};

type Watcher = Window & { frameGaps: (forMs: number) => Promise<number[]> };

/** Gaps between frames while the list is scrolled up and down all the time. */
const scrollFrames = async (page: Page): Promise<number[]> => {
	await page.getByRole('log').hover();
	const frames = page.evaluate(
		(forMs) => (window as unknown as Watcher).frameGaps(forMs),
		SCROLLED_MS
	);
	let done = false;
	void frames.finally(() => (done = true));
	for (let turn = 0; !done; turn += 1) {
		await page.mouse.wheel(0, turn % 40 < 20 ? -120 : 120);
		await new Promise((resolve) => setTimeout(resolve, 30));
	}
	return frames;
};

const stream = async (place: DoorPlace, perSecond: number | null, count: number): Promise<void> => {
	const runner = runBenchProgram('paced-runner.mjs', { sessions: [place], perSecond, count });
	await once(runner, 'exit');
};

const searchRow = async (manager: Manager, id: string): Promise<Row> => {
	const from = nowMs();
	let first = 0;
	let before: number | null = null;
	do {
		const path: string = `/api/sessions/${id}/search?q=nowhere${before === null ? '' : `&before=${before}`}`;
		const answer: SearchAnswer = await manager.call('GET', path);
		first ||= nowMs() - from;
		before = answer.searchedTo;
	} while (before > 1);
	const all = nowMs() - from;
	return {
		figure: FIND,
		limit: '',
		measured: `${ms(first)}; ${ms(all)}`,
		comparison: '',
		goal: '≤ 800 ms; ≤ 3 s',
		ok: first <= 800 && all <= 3_000
	};
};

const openRows = async (
	manager: Manager,
	page: Page,
	runs: number,
	long: string,
	short: string
): Promise<Row[]> => {
	const url = (id: string): string => `${manager.origin}/sessions/${id}`;
	const all = { short: [] as number[], long: [] as number[], link: [] as number[] };
	for (let run = -1; run < runs; run += 1) {
		const shortMs = await openMs(page, url(short), 'Stopped');
		const longMs = await openMs(page, url(long), 'Stopped');
		const linkMs = await openMs(page, `${url(long)}?at=${LONG / 2}`, 'parser');
		// The first one of each is of a cold browser.
		if (run < 0) continue;
		all.short.push(shortMs);
		all.long.push(longMs);
		all.link.push(linkMs);
	}
	const row = (figure: string, limit: number, measured: number): Row => ({
		figure,
		limit: ms(limit),
		measured: ms(measured),
		comparison: times(measured / limit),
		goal: '≤ 1.5 ×',
		ok: measured <= limit * 1.5
	});
	return [
		row(OPEN, median(all.short), median(all.long)),
		row(LINK, median(all.long), median(all.link))
	];
};

export const transcriptFigure: Figure = {
	name: 'transcript',
	runs: 5,
	async measure(bench, runs) {
		const executablePath = chromiumPath();
		if (!executablePath) {
			return [OPEN, LINK, FIND, HEAP, FRAMES, SCRIPTS].map((figure) =>
				notMeasured(figure, '', 'Chromium is not installed')
			);
		}
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const places = await haltedSessions(bench, manager, 2);
		const [first, second] = places as [DoorPlace, DoorPlace];
		const { repoId } = (
			await manager.call<{ session: { repoId: string } }>('GET', `/api/sessions/${first.id}`)
		).session;
		bench.say('writing a long session');
		const long = await storeLongSession(manager.workspaceRoot, repoId, LONG);
		const short = await storeLongSession(manager.workspaceRoot, repoId, SHORT);
		const browser = await chromium.launch({ executablePath });
		bench.onEnd(() => browser.close());
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
		await page.addInitScript({ path: join(ROOT, 'bench', 'page-frames.js') });
		await page.goto(`${manager.origin}/sign-in?token=${manager.token}`);
		const devtools = await page.context().newCDPSession(page);
		const url = (id: string): string => `${manager.origin}/sessions/${id}`;

		const rows = await openRows(manager, page, runs, long.id, short.id);
		rows.push(await searchRow(manager, long.id));

		bench.say('an hour of events');
		await openMs(page, url(short.id), 'Stopped');
		const shortMb = await heapMb(devtools);
		await openMs(page, url(long.id), 'Stopped');
		const longMb = await heapMb(devtools);
		await page.goto(url(first.id));
		await page.getByRole('log').waitFor();
		await stream(first, null, HOUR_EVENTS / 2);
		const halfMb = await heapMb(devtools);
		await stream(first, null, HOUR_EVENTS / 2);
		const hourMb = await heapMb(devtools);
		rows.push({
			figure: HEAP,
			limit: `${shortMb.toFixed(1)} MB`,
			measured: `${longMb.toFixed(1)} MB; ${hourMb.toFixed(1)} MB`,
			comparison: `${signed((longMb - shortMb).toFixed(1), longMb - shortMb)} MB; ${signed((hourMb - shortMb).toFixed(1), hourMb - shortMb)} MB; half-way ${halfMb.toFixed(1)} MB`,
			goal: '≤ +40 MB, flat',
			ok: longMb - shortMb <= 40 && hourMb - shortMb <= 40 && hourMb - halfMb <= 10
		});

		bench.say('scrolling');
		await page.goto(url(second.id));
		await stream(second, null, 400);
		await scrollFrames(page);
		const still = await scrollFrames(page);
		const streaming = stream(second, 100, (100 * (SCROLLED_MS + 2_000)) / 1_000);
		const moving = await scrollFrames(page);
		await streaming;
		const [limit, measured] = [quantile(still, 0.95), quantile(moving, 0.95)];
		const longest = Math.max(...moving);
		rows.push({
			figure: FRAMES,
			limit: ms(limit),
			measured: `${ms(measured)}; ${ms(longest)}`,
			comparison: times(measured / limit),
			goal: '≤ 1.3 ×; ≤ 100 ms',
			ok: measured <= limit * 1.3 && longest <= 100
		});
		const kb = await scriptKb(page, url(short.id));
		rows.push({
			figure: SCRIPTS,
			limit: '',
			measured: `${kb.toFixed(0)} KB`,
			comparison: '',
			goal: '≤ 200 KB',
			ok: kb <= 200
		});
		await releaseSessions(places);
		return rows;
	}
};
