import { describe, expect, it } from 'vitest';
import { quoteLines } from './diff-lines.ts';
import { reviewMessage } from './review-message.ts';

const HUNKS = [
	'@@ -1,4 +1,4 @@',
	' one',
	'-two',
	'+TWO',
	' three',
	'-four',
	'+FOUR',
	'@@ -40,2 +40,3 @@ of f',
	' forty',
	'+new',
	' end',
	'\\ No newline at end of file',
	''
].join('\n');

describe('quoteLines', () => {
	it.each([
		['one line', { side: 'new', from: 2, to: 2 }, ['+TWO']],
		['a line before the change', { side: 'old', from: 2, to: 2 }, ['-two']],
		[
			'what lies between',
			{ side: 'new', from: 1, to: 4 },
			[' one', '-two', '+TWO', ' three', '-four', '+FOUR']
		],
		['of a later hunk', { side: 'new', from: 41, to: 42 }, ['+new', ' end']],
		['what the diff does not show', { side: 'new', from: 10, to: 20 }, []]
	] as const)('%s', (_name, range, lines) => {
		expect(quoteLines(HUNKS, range)).toEqual(lines);
	});
});

describe('reviewMessage', () => {
	const comment = { id: '1', path: 'a.md', lines: null, quote: [], text: ' Why? \n' };

	it('is one comment on a whole file', () => {
		expect(reviewMessage([comment])).toBe('I have a comment on your changes:\n\n### a.md\n\nWhy?');
	});

	it('quotes code in a fence that the code can’t close, and names on one line', () => {
		const lines = { side: 'old', from: 3, to: 4 } as const;
		const fenced = { ...comment, path: 'a\n# b', lines, quote: ['-````', '-x'] };
		expect(reviewMessage([comment, fenced])).toBe(
			'I have 2 comments on your changes:\n\n### a.md\n\nWhy?\n\n' +
				'### a # b, lines 3–4 before the change\n\n`````diff\n-````\n-x\n`````\n\nWhy?'
		);
	});
});
