import { describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import type { Finding, Inventory } from '@agent-manager/protocol/health.ts';
import FindingList from './finding-list.svelte';

const finding = (change: Partial<Finding>): Finding => ({
	...{ id: 'x', class: 'orphan', kind: 'worktree', name: 'worktrees/x', cause: 'No row.' },
	...{ sessionId: null, repoId: null, bytes: 5_000_000, since: null, problem: null },
	repair: {
		...{ action: 'remove_worktree', label: 'Save the commits, remove the worktree' },
		...{ consequence: 'Files that were never committed are lost.', safe: false }
	},
	...change
});
const inventory = (findings: Finding[], failures: string[] = []): Inventory => ({
	...{ at: '2026-11-26T12:00:00.000Z', durationMs: 5, findings, failures, repaired: [] },
	disk: null
});

const show = (shown: Inventory) => {
	const asked: string[][] = [];
	render(FindingList, {
		inventory: shown,
		repairing: new Set<string>(),
		onRepair: (findings: readonly Finding[]) => asked.push(findings.map(({ id }) => id))
	});
	return asked;
};

describe('finding list', () => {
	it('says so when there is nothing', async () => {
		show(inventory([]));
		await expect.element(page.getByTestId('no-findings')).toBeVisible();
	});

	it('names what happens before it repairs one', async () => {
		const asked = show(inventory([finding({})]));
		await page.getByRole('button', { name: /Save the commits/ }).click();
		const dialog = page.getByRole('alertdialog');
		await expect.element(dialog).toHaveTextContent('Files that were never committed are lost.');
		expect(asked).toEqual([]);
		await dialog.getByRole('button', { name: /Save the commits/ }).click();
		expect(asked).toEqual([['x']]);
	});

	it('repairs all that is wrong at once, and neither what is kept nor what is not ours', async () => {
		const asked = show(
			inventory([
				finding({ id: 'a' }),
				finding({ id: 'b', class: 'ghost' }),
				finding({ id: 'c', class: 'kept', kind: 'bundle' }),
				finding({ id: 'd', class: 'foreign', repair: null })
			])
		);
		await page.getByRole('button', { name: 'Repair all 2' }).click();
		await page.getByRole('alertdialog').getByRole('button', { name: 'Repair 2' }).click();
		expect(asked).toEqual([['a', 'b']]);
	});

	it('says that nothing is concluded from a listing that failed', async () => {
		show(inventory([], ['The engine does not answer.']));
		await expect.element(page.getByText('The engine does not answer.')).toBeVisible();
		await expect.element(page.getByText(/Nothing is concluded/)).toBeVisible();
	});
});
