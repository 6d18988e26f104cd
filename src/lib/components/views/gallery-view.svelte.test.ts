/** Every card, closed and open, in both themes: it is there, and axe has nothing against it. */
import axe from 'axe-core';
import { describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import recorded from '../../../../tests/fixtures/recorded-work.jsonl?raw';
import { galleryLogs } from '../../../../tests/support/gallery-logs.ts';
import GalleryView from './gallery-view.svelte';

const findings = async (): Promise<string[]> => {
	const { violations } = await axe.run(document.body, {
		// Rules for a whole page: here there is a part of one, and all of it twice.
		rules: Object.fromEntries(
			['page-has-heading-one', 'region', 'heading-order', 'landmark-unique'].map((rule) => [
				rule,
				{ enabled: false }
			])
		)
	});
	return violations.flatMap(({ id, help, nodes }) =>
		nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`)
	);
};

describe('the gallery', () => {
	it('has every kind of block, and axe finds nothing, closed or open', async () => {
		await render(GalleryView, { logs: galleryLogs(recorded) });
		const kinds = new Set(
			[...document.querySelectorAll<HTMLElement>('[data-block]')].map((row) => row.dataset.block)
		);
		expect([...kinds].sort()).toEqual(
			[
				...['commits', 'divider', 'group', 'notice', 'report', 'request', 'retry', 'text'],
				...['thinking', 'tool', 'turn', 'unknown', 'user']
			].sort()
		);
		expect(await findings()).toEqual([]);
		await userEvent.click(page.getByRole('button', { name: 'Open every card' }));
		await expect.element(page.getByText('12 passed').first()).toBeVisible();
		expect(await findings()).toEqual([]);
	}, 60_000);
});
