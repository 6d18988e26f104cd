/** Sessions that have changed files, and their changes in a page. */
import { join } from 'node:path';
import { chromium, type Browser, type Page } from '@playwright/test';
import type { Changes } from '../packages/protocol/src/changes.ts';
import type { Manager } from './manager-process.ts';
import { makeWideRepo } from './wide-repo.ts';
import { ROOT, type Workbench } from './workbench.ts';

export interface Work {
	id: string;
	/** What is compared, and where, as git takes it. */
	diff: string[];
}

/** One in a repository of so many files, that has committed a line more in those of the pattern. */
export const changedSession = async (
	bench: Workbench,
	manager: Manager,
	files: number,
	pattern: string
): Promise<Work> => {
	const repoId = await manager.registerRepo(await makeWideRepo(bench, files));
	const browser = await manager.browse();
	const view = await browser.startSession(
		repoId,
		`[[demo: parallel bash="for file in ${pattern}; do echo changed >> $file; done"]]` +
			'[[demo: commit message="Change files"]]'
	);
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

/** What `page-changes.js` and `page-frames.js` put into the page. */
interface PageTools {
	openChanges: () => Promise<{ listedMs: number; drawnMs: number }>;
	pickLast: () => Promise<number>;
	keyTimes: () => number[];
	frameGaps: (forMs: number) => Promise<number[]>;
}

const SCROLLED_MS = 3_000;
const WHEEL_MS = 30;

/** A page in which changes are looked at. */
export class Review {
	readonly page: Page;
	readonly #browser: Browser;
	readonly #origin: string;

	private constructor(browser: Browser, page: Page, origin: string) {
		this.#browser = browser;
		this.page = page;
		this.#origin = origin;
	}

	static async launch(
		bench: Workbench,
		{ origin, token }: Manager,
		executablePath: string
	): Promise<Review> {
		const browser = await chromium.launch({ executablePath });
		bench.onEnd(() => browser.close());
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
		for (const script of ['page-changes.js', 'page-frames.js']) {
			await page.addInitScript({ path: join(ROOT, 'bench', script) });
		}
		await page.goto(`${origin}/sign-in?token=${token}`);
		return new Review(browser, page, origin);
	}

	/** Opens the session's page, and then its changes. */
	async open(sessionId: string): Promise<{ listedMs: number; drawnMs: number }> {
		await this.page.goto('about:blank');
		await this.page.goto(`${this.#origin}/sessions/${sessionId}`);
		await this.page.getByRole('button', { name: 'Changes', exact: true }).waitFor();
		await this.page.waitForLoadState('networkidle');
		return this.page.evaluate(() => (window as unknown as PageTools).openChanges());
	}

	/** From the click on the last file of the list to its diff. */
	pickLast(): Promise<number> {
		return this.page.evaluate(() => (window as unknown as PageTools).pickLast());
	}

	/** From each key of the text, and of taking it back, to the list as it is then. */
	async typeFilter(text: string): Promise<number[]> {
		await this.page.getByPlaceholder('Filter files').focus();
		await this.page.evaluate(() => (window as unknown as PageTools).keyTimes());
		for (const key of [...text, ...Array.from(text, () => 'Backspace')]) {
			await this.page.keyboard.press(key);
		}
		return this.page.evaluate(() => (window as unknown as PageTools).keyTimes());
	}

	/** Gaps between frames while the list is scrolled down and up all the time. */
	async scrollList(): Promise<number[]> {
		await this.page.getByRole('group', { name: /^Changed files/ }).hover();
		const frames = this.page.evaluate(
			(forMs) => (window as unknown as PageTools).frameGaps(forMs),
			SCROLLED_MS
		);
		let done = false;
		void frames.finally(() => (done = true));
		for (let turn = 0; !done; turn += 1) {
			await this.page.mouse.wheel(0, turn % 40 < 20 ? 120 : -120);
			await new Promise((resolve) => setTimeout(resolve, WHEEL_MS));
		}
		return frames;
	}

	close(): Promise<void> {
		return this.#browser.close();
	}
}
