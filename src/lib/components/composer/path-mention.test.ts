import { describe, expect, it } from 'vitest';
import { completeMention, mentionAt } from './path-mention.ts';

const at = (marked: string): { text: string; caret: number } => ({
	text: marked.replace('|', ''),
	caret: marked.indexOf('|')
});
const typed = (marked: string): string | null => {
	const { text, caret } = at(marked);
	return mentionAt(text, caret)?.typed ?? null;
};
const completed = (marked: string, path: string): string => {
	const { text, caret } = at(marked);
	const mention = mentionAt(text, caret);
	if (!mention) throw new Error('no mention');
	const done = completeMention(text, caret, mention, path);
	return `${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`;
};

describe('a file that is being named', () => {
	it.each([
		['@|', ''],
		['look at @src/a|', 'src/a'],
		['one\n@b| more', 'b'],
		['@a|b', 'a']
	])('%j', (marked, expected) => expect(typed(marked)).toBe(expected));

	it.each(['|', 'me@example.com|', '@done |', 'no|', '@@|'])('none in %j', (marked) =>
		expect(typed(marked)).toBeNull()
	);

	it('is put in whole, with a space behind it, and in quotes where it has one', () => {
		expect(completed('see @ou|', 'src/outbox.ts')).toBe('see @src/outbox.ts |');
		expect(completed('see @ou| please', 'a.ts')).toBe('see @a.ts |please');
		expect(completed('@my|', 'my notes.md')).toBe('@"my notes.md" |');
	});
});
