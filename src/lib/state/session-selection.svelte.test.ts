import { expect, it } from 'vitest';
import { SessionSelection } from './session-selection.svelte.ts';

const rows = ['a', 'b', 'c', 'd', 'e'];
const chosen = (selection: SessionSelection): string =>
	rows.filter((id) => selection.has(id)).join('');

it('turns single rows, and ranges as the row that ends them', () => {
	const selection = new SessionSelection();
	selection.toggle('b', rows);
	selection.toggle('d', rows, true);
	expect(chosen(selection)).toBe('bcd');
	selection.toggle('c', rows, true);
	expect(chosen(selection), 'from d back to c').toBe('b');
	selection.clear();
	selection.toggle('c', rows, true);
	expect(chosen(selection), 'a range from nowhere is one row').toBe('c');
	selection.choose(rows);
	expect([chosen(selection), selection.size]).toEqual(['abcde', 5]);
});

it('steps through the rows and stays at their ends', () => {
	const selection = new SessionSelection();
	const step = (by: 1 | -1): string | null => {
		selection.move(by, rows);
		return selection.cursor;
	};
	expect([step(1), step(1), step(-1), step(-1)]).toEqual(['a', 'b', 'a', 'a']);
	selection.cursor = 'gone';
	expect(step(-1)).toBe('e');
	expect(step(1)).toBe('e');
	selection.move(1, []);
	expect(selection.cursor).toBeNull();
});
