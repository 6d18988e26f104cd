import { describe, expect, it } from 'vitest';
import { fittingNames } from './command-list.ts';

const commands = ['compact', 'context', 'security-review', 'init'].map((name) => ({
	...{ name, description: '', argumentHint: '' }
}));
const names = (text: string): string[] => fittingNames(text, commands).map(({ name }) => name);

describe('fittingNames', () => {
	it('lists all of them at the slash, and those that begin so before those that have it', () => {
		expect(names('/')).toEqual(['compact', 'context', 'security-review', 'init']);
		expect(names('/c')).toEqual(['compact', 'context', 'security-review']);
		expect(names('/CON')).toEqual(['context']);
	});

	it.each(['', 'c', 'a /c', '/compact ', '/usr/bin', '/compact\nplease'])(
		'offers nothing for %j',
		(text) => expect(names(text)).toEqual([])
	);
});
