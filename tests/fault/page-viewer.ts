/** A real page in a real browser that looks at one session the whole time. */
import { chromium, type Browser, type Page } from '@playwright/test';
import { chromiumPath } from '../support/chromium.ts';
import { until, type TestApp } from '../support/app.ts';

/** A machine that is busy with everything else takes its time. */
const PATIENCE_MS = 120_000;
const VIEWPORT = { width: 800, height: 400 };

export interface PageWindow {
	first: number;
	head: number;
	hash: string;
}

export class PageViewer {
	readonly name = 'page';
	readonly sessionId: string;
	readonly #browser: Browser;
	readonly #page: Page;

	private constructor(browser: Browser, page: Page, sessionId: string) {
		this.#browser = browser;
		this.#page = page;
		this.sessionId = sessionId;
	}

	static async open(app: TestApp, sessionId: string): Promise<PageViewer> {
		const executablePath = chromiumPath();
		const browser = await chromium.launch({ executablePath, timeout: PATIENCE_MS });
		// What moves for a person's eyes only would cost more than all that is tested here.
		const page = await browser.newPage({ reducedMotion: 'reduce', viewport: VIEWPORT });
		page.setDefaultTimeout(PATIENCE_MS);
		await page.goto(app.link);
		await page.goto(`${app.origin}/sessions/${sessionId}`);
		await page.locator('[data-transcript-hash]').waitFor();
		return new PageViewer(browser, page, sessionId);
	}

	/** What it holds once it has come to `head`; what it has, if it does not come there in time. */
	async window(head: number, timeoutMs: number): Promise<PageWindow> {
		const transcript = this.#page.locator('[data-transcript-hash]');
		const read = async (): Promise<PageWindow> => {
			const [first, newest, hash] = await transcript.evaluate((element) =>
				['data-first', 'data-head', 'data-transcript-hash'].map(
					(name) => element.getAttribute(name) ?? ''
				)
			);
			return { first: Number(first), head: Number(newest), hash: hash ?? '' };
		};
		await until(
			async () => ((await read().catch(() => null))?.head ?? 0) >= head,
			'the page’s newest event',
			timeoutMs
		).catch(() => undefined);
		return read();
	}

	async end(): Promise<void> {
		await this.#browser.close();
	}
}
