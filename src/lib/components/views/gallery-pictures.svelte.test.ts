/**
 * The gallery beside pictures of it, at both sizes and in both themes. Letters are drawn differently by each version
 * of Chromium and with each font, so the pictures are compared only where both are those that drew them; elsewhere
 * the tests are skipped, and say why. `gallery-layout.svelte.test.ts` looks at what holds everywhere.
 *
 * Made anew by `npx vitest run --project browser gallery-pictures --update`; then look at each of them.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commands, page, server, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import { languageOf } from '#lib/components/markdown/highlighter.ts';
import recorded from '../../../../tests/fixtures/recorded-work.jsonl?raw';
import { galleryLogs } from '../../../../tests/support/gallery-logs.ts';
import GalleryView from './gallery-view.svelte';

const DRAWN_WITH = 'tests/fixtures/gallery/drawn-with.json';
/** High enough for the longest section: what is out of the frame is in no picture. */
const HEIGHT = 2_400;
/** Of the pixels; a card that is somewhere else differs in more. */
const MAX_DIFFERENT = 0.005;
/** Some minutes after the newest event of the logs. */
const NOW = Date.parse('2026-11-23T06:05:00Z');

const SAMPLE = 'Hamburgefonstiv 0123 — “Waiting” é';

/** How this browser draws letters: the pixels of a sample in the page's own fonts. */
const drawing = async (): Promise<{ chromium: string; letters: string }> => {
	const canvas = new OffscreenCanvas(420, 100);
	const context = canvas.getContext('2d', { willReadFrequently: true });
	if (!context) throw new Error('There is no canvas.');
	const style = getComputedStyle(document.documentElement);
	const fonts = ['--font-sans', '--font-mono'].map((name) => style.getPropertyValue(name));
	fonts.forEach((font, at) => {
		for (const [line, weight] of [400, 600].entries()) {
			context.font = `${weight} 13px ${font}`;
			context.fillText(SAMPLE, 2, 20 + (2 * at + line) * 22);
		}
	});
	const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
	const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
	return {
		chromium: /Chrome\/(\d+)/.exec(navigator.userAgent)?.[1] ?? 'none',
		letters: Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
	};
};

/** Why the pictures say nothing here; null when they do. */
const whyNot = async (): Promise<string | null> => {
	const here = await drawing();
	if (server.config.snapshotOptions.updateSnapshot === 'all') {
		await commands.writeFile(DRAWN_WITH, `${JSON.stringify(here, null, '\t')}\n`);
		return null;
	}
	const made = JSON.parse(await commands.readFile(DRAWN_WITH)) as typeof here;
	if (made.chromium !== here.chromium) {
		return `the pictures are of Chromium ${made.chromium}, this one is ${here.chromium}`;
	}
	return made.letters === here.letters ? null : 'the pictures were drawn with other fonts';
};

/** Code is coloured by what is loaded when it is first seen. */
const coloured = (): boolean =>
	[...document.querySelectorAll('pre[aria-label^="Code, "]')].every(
		(pre) =>
			!languageOf(pre.ariaLabel?.slice('Code, '.length) ?? '') || pre.querySelector('code span')
	);

declare module 'vitest/browser' {
	interface BrowserCommands {
		resizeWindow: (width: number, height: number) => Promise<void>;
	}
}

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: NOW }));
afterEach(async () => {
	vi.useRealTimers();
	await commands.resizeWindow(1_280, 720);
});

/** Not the recorded session, whose cards the others have, nor the fork with its pages of text. */
const SECTIONS = ['A story of two turns', 'Tools', 'Runs of small calls', 'Notices'];

describe.each([
	['wide', 1440],
	['narrow', 390]
])('%s', (size, width) => {
	it.for([
		['closed', SECTIONS],
		['open', ['Tools']]
	] as const)('%s', { timeout: 300_000 }, async ([cards, sections], context) => {
		const reason = await whyNot();
		if (reason !== null) context.skip(reason);
		await commands.resizeWindow(width, HEIGHT);
		await page.viewport(width, HEIGHT);
		const logs = galleryLogs(recorded).filter(({ title }) =>
			(sections as readonly string[]).includes(title)
		);
		expect(logs).toHaveLength(sections.length);
		await render(GalleryView, { logs });
		if (cards === 'open') {
			await userEvent.click(page.getByRole('button', { name: 'Open every card' }));
			await expect.element(page.getByText('12 passed').first()).toBeVisible();
		}
		await document.fonts.ready;
		await expect.poll(coloured).toBe(true);
		for (const { title } of logs) {
			for (const theme of ['light', 'dark']) {
				const section = page.getByRole('region', { name: `${title}, ${theme}` });
				expect(section.element().clientHeight).toBeLessThan(HEIGHT);
				const name = `${title.toLowerCase().replaceAll(' ', '-')}-${cards}-${size}-${theme}`;
				await expect(section).toMatchScreenshot(name, {
					comparatorOptions: { allowedMismatchedPixelRatio: MAX_DIFFERENT },
					// For two that are the same: on a loaded machine each takes seconds.
					timeout: 100_000
				});
			}
		}
	});
});
