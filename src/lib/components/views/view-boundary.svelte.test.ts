import { createRawSnippet } from 'svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import ViewBoundary from './view-boundary.svelte';

const reported = vi.fn();
beforeEach(() => void vi.stubGlobal('reportError', reported));
afterEach(() => vi.unstubAllGlobals());

const sometimesBroken = (isBroken: () => boolean) =>
	createRawSnippet(() => ({
		render: () => {
			if (isBroken()) throw new Error('no such block');
			return '<p>All is well</p>';
		}
	}));

it('says what failed and draws it again when asked', async () => {
	let broken = true;
	const children = sometimesBroken(() => broken);
	const screen = await render(ViewBoundary, { what: 'transcript', children });
	await expect.element(screen.getByRole('alert')).toHaveTextContent('This transcript could not');
	await expect.element(screen.getByRole('alert')).toHaveTextContent('no such block');
	expect(reported).toHaveBeenCalledOnce();
	broken = false;
	await screen.getByRole('button', { name: 'Try again' }).click();
	await expect.element(screen.getByText('All is well')).toBeVisible();
});

it('draws it again by itself on another page', async () => {
	let broken = true;
	const children = sometimesBroken(() => broken);
	const screen = await render(ViewBoundary, { what: 'page', resetKey: '/a', children });
	await expect.element(screen.getByRole('alert')).toBeVisible();
	broken = false;
	await screen.rerender({ what: 'page', resetKey: '/b', children });
	await expect.element(screen.getByText('All is well')).toBeVisible();
});
