import { describe, expect, it } from 'vitest';
import { chosenLines, diffLines, moveCursor, type LineCursor } from './diff-lines.ts';

const HUNKS = `@@ -3,4 +3,4 @@ somewhere
 three
-four
-five
+4
+5
 six
\\ No newline at end of file
`;
const lines = diffLines(HUNKS);
const at = (index: number): LineCursor => ({ anchor: index, at: index });
/** Several steps, all of one kind. */
const steps = (from: LineCursor, by: (1 | -1)[], extend: boolean): LineCursor =>
	by.reduce((cursor, step) => moveCursor(lines, cursor, step, extend), from);

describe('diffLines', () => {
	it('numbers each line on the sides that have it', () => {
		expect(lines.map(({ numbers, text }) => [numbers.old, numbers.new, text])).toEqual([
			[3, 3, ' three'],
			[4, null, '-four'],
			[5, null, '-five'],
			[null, 4, '+4'],
			[null, 5, '+5'],
			[6, 6, ' six']
		]);
	});
});

describe('lines chosen by keys', () => {
	it('are one at a time, on the side that has it', () => {
		expect(chosenLines(lines, at(0))).toEqual({ side: 'new', from: 3, to: 3 });
		expect(chosenLines(lines, moveCursor(lines, at(0), 1, false))).toEqual({
			...{ side: 'old', from: 4, to: 4 }
		});
	});

	it('grow both ways over lines of the other side', () => {
		const down = steps(at(0), [1, 1], true);
		expect(chosenLines(lines, down)).toEqual({ side: 'new', from: 3, to: 5 });
		expect(chosenLines(lines, steps(down, [-1], true))).toEqual({ side: 'new', from: 3, to: 4 });
		const up = steps(at(5), [-1, -1], true);
		expect(chosenLines(lines, up)).toEqual({ side: 'new', from: 4, to: 6 });
		const removed = steps(at(2), [1], true);
		expect(chosenLines(lines, removed)).toEqual({ side: 'old', from: 5, to: 6 });
	});

	it('stay where they are at either end', () => {
		expect(moveCursor(lines, at(0), -1, false)).toEqual(at(0));
		expect(moveCursor(lines, at(5), 1, true)).toEqual(at(5));
		expect(chosenLines([], at(0))).toBeNull();
	});
});
