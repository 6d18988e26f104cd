/** A session's page in Chromium, used as a person does; its own script takes the times. */
import { join } from 'node:path';
import { chromium, type Browser, type Page } from '@playwright/test';
import type { Manager } from './manager-process.ts';
import { ROOT, type Workbench } from './workbench.ts';

/** What `page-keys.js` puts into the page. */
interface PageTools {
	characterTimes: () => number[];
	interruptTurn: () => Promise<number>;
}

/** Slower than the frames of a screen, and in no step with them. */
const KEY_PAUSE_MS = 37;

export class SessionPage {
	readonly #page: Page;
	readonly #browser: Browser;

	private constructor(browser: Browser, page: Page) {
		this.#browser = browser;
		this.#page = page;
	}

	static async open(
		bench: Workbench,
		{ origin, token }: Manager,
		executablePath: string,
		sessionId: string
	): Promise<SessionPage> {
		const browser = await chromium.launch({ executablePath });
		bench.onEnd(() => browser.close());
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
		await page.addInitScript({ path: join(ROOT, 'bench', 'page-keys.js') });
		await page.goto(`${origin}/sign-in?token=${token}`);
		await page.goto(`${origin}/sessions/${sessionId}`);
		await page.getByRole('log').waitFor();
		await page.waitForLoadState('networkidle');
		return new SessionPage(browser, page);
	}

	/** The transcript shows it. */
	async shows(text: string): Promise<void> {
		await this.#page.getByRole('log').getByText(text, { exact: false }).last().waitFor();
	}

	/** Nothing runs any more, as the page says it. */
	async rests(): Promise<void> {
		await this.#page.locator('[data-status=waiting][data-waiting-for=input]').first().waitFor();
	}

	/** Of each character, from its key to its paint. The box is empty before and after. */
	async type(text: string): Promise<number[]> {
		const box = this.#page.getByLabel('Message to the agent');
		await box.fill('');
		await box.focus();
		await this.#page.evaluate(() => (window as unknown as PageTools).characterTimes());
		await this.#page.keyboard.type(text, { delay: KEY_PAUSE_MS });
		const times = await this.#page.evaluate(async () => {
			await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
			return (window as unknown as PageTools).characterTimes();
		});
		await box.fill('');
		if (times.length !== text.length) {
			throw new Error(`${times.length} of ${text.length} characters were painted`);
		}
		return times;
	}

	/** From the press of the button to the line that says so. */
	interrupt(): Promise<number> {
		return this.#page.evaluate(() => (window as unknown as PageTools).interruptTurn());
	}

	close(): Promise<void> {
		return this.#browser.close();
	}
}
