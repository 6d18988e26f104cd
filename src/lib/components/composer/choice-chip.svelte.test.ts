/** A button whose menu is loaded later: by mouse and by keyboard, and where the focus is then. */
import { expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import ChoiceChip from './choice-chip.svelte';

const chip = page.getByRole('button', { name: 'Effort: Low' });
const menu = page.getByRole('menu');

const show = async () => {
	const onChoose = vi.fn();
	const options = [
		{ value: 'low', label: 'Low' },
		{ value: 'high', label: 'High' }
	];
	await render(ChoiceChip, { what: 'Effort', options, value: 'low', onChoose });
	return onChoose;
};

it('opens and closes by clicks, and tells so', async () => {
	const onChoose = await show();
	await expect.element(chip).toHaveAttribute('aria-expanded', 'false');
	await chip.click();
	await expect.element(menu).toBeVisible();
	await expect.element(chip).toHaveAttribute('aria-expanded', 'true');
	// Nothing beside an open menu takes a click: it closes the menu.
	await chip.click({ force: true });
	await expect.element(menu).not.toBeInTheDocument();
	await chip.click();
	await page.getByRole('menuitemradio', { name: 'High' }).click();
	await expect.element(menu).not.toBeInTheDocument();
	expect(onChoose.mock.calls).toEqual([['high']]);
	await expect.element(chip).toHaveFocus();
});

it.each(['{Enter}', '{ArrowDown}'])('is gone through by keys from %s on', async (key) => {
	const onChoose = await show();
	chip.element().focus();
	await userEvent.keyboard(key);
	await expect.element(menu).toBeVisible();
	await vi.waitFor(() => expect(menu.element().contains(document.activeElement)).toBe(true));
	await userEvent.keyboard('{End}{Enter}');
	await expect.element(menu).not.toBeInTheDocument();
	expect(onChoose.mock.calls).toEqual([['high']]);
	await expect.element(chip).toHaveFocus();
	await userEvent.keyboard(key);
	await expect.element(menu).toBeVisible();
	await userEvent.keyboard('{Escape}');
	await expect.element(menu).not.toBeInTheDocument();
	await expect.element(chip).toHaveFocus();
});
