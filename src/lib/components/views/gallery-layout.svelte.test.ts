/** Every card at both sizes, closed and open: in its row, beside no other, with all of its words to be seen. */
import { expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import recorded from '../../../../tests/fixtures/recorded-work.jsonl?raw';
import { galleryLogs } from '../../../../tests/support/gallery-logs.ts';
import GalleryView from './gallery-view.svelte';

const NEAR = 1;

const nameOf = (element: Element): string =>
	`${element.closest('section')?.ariaLabel}: ${element.closest<HTMLElement>('[data-block]')?.dataset.block} “${element.textContent.trim().slice(0, 60)}”`;

/** What of its content somebody can scroll to, is told is more, or only hears. */
const mayCut = (style: CSSStyleDeclaration, box: DOMRect): boolean =>
	/auto|scroll/.test(style.overflowX) ||
	style.textOverflow === 'ellipsis' ||
	style.webkitLineClamp !== 'none' ||
	(box.width <= NEAR && box.height <= NEAR);

/** The words leave the row, or are cut off without a sign. */
const isLost = (text: Text, row: Element): boolean => {
	const range = document.createRange();
	range.selectNodeContents(text);
	const words = range.getBoundingClientRect();
	if (words.width === 0) return false;
	for (let at = text.parentElement; at && at !== row.parentElement; at = at.parentElement) {
		const style = getComputedStyle(at);
		const box = at.getBoundingClientRect();
		if (style.visibility === 'hidden' || mayCut(style, box)) return false;
		const cuts = at === row || style.overflowX !== 'visible';
		if (cuts && (words.left < box.left - NEAR || words.right > box.right + NEAR)) return true;
		if (style.overflowY === 'hidden' && words.bottom > box.bottom + NEAR) return true;
	}
	return false;
};

const textsIn = (row: Element): Text[] => {
	const texts: Text[] = [];
	const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const text = walker.currentNode as Text;
		if (text.data.trim() !== '') texts.push(text);
	}
	return texts;
};

/** In words; empty when all is well. */
const problems = (): string[] => {
	const found: string[] = [];
	if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
	for (const section of document.querySelectorAll('section')) {
		const frame = section.getBoundingClientRect();
		let bottom = frame.top;
		for (const row of section.querySelectorAll(':scope [data-block]')) {
			if (row.parentElement?.closest('[data-block]')) continue;
			const box = row.getBoundingClientRect();
			if (box.top < bottom - NEAR) found.push(`over the one before: ${nameOf(row)}`);
			if (box.right > frame.right + NEAR) found.push(`out of its column: ${nameOf(row)}`);
			bottom = box.bottom;
			for (const text of textsIn(row)) {
				if (isLost(text, row)) found.push(`cut off: ${nameOf(row)}: “${text.data.slice(0, 40)}”`);
			}
		}
	}
	return found;
};

it.each([
	[1440, 900],
	[390, 844]
])(
	'at %i by %i nothing is cut off, runs out or lies over something else',
	async (width, height) => {
		await page.viewport(width, height);
		await render(GalleryView, { logs: galleryLogs(recorded) });
		expect(problems()).toEqual([]);
		await userEvent.click(page.getByRole('button', { name: 'Open every card' }));
		await expect.element(page.getByText('12 passed').first()).toBeVisible();
		expect(problems()).toEqual([]);

		// It would be seen.
		const broken = document.createElement('style');
		broken.textContent = '[data-block] * { white-space: nowrap; overflow: visible !important }';
		document.head.append(broken);
		expect(problems().length).toBeGreaterThan(10);
		broken.textContent = '[data-block] { margin-top: -12px !important }';
		expect(problems().length).toBeGreaterThan(10);
		broken.remove();
	}
);
