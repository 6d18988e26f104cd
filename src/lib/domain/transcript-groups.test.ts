import { describe, expect, it } from 'vitest';
import { LogWriter } from '../../../tests/support/transcript-events.ts';
import type { Block, GroupBlock } from './transcript-blocks.ts';
import { groupRuns, groupWords } from './transcript-groups.ts';
import { placeOf } from './transcript-place.ts';
import { blocksOf } from './transcript-state.ts';
import { foldEvents } from './transcript.ts';

/** One call for each name, answered at once; a lower-case name is text. */
const blocksFor = (...names: string[]): Block[] => {
	const log = new LogWriter();
	for (const [at, name] of names.entries()) {
		if (/^[a-z]/.test(name)) log.text(`m${at}`, name);
		else {
			log.calls(`m${at}`, `t${at}`, name, { file_path: `${at}.ts` });
			log.result(`t${at}`, 'ok', undefined, { isError: at === 9 });
		}
	}
	return blocksOf(foldEvents(log.events));
};
const kinds = (blocks: Block[]): string[] => groupRuns(blocks).map(({ kind }) => kind);

describe('runs of small calls', () => {
	it.each([
		[
			'four of them, once something follows',
			['Read', 'Grep', 'Read', 'Glob', 'so'],
			['group', 'text']
		],
		['none while they may go on', ['Read', 'Grep', 'Read', 'Glob'], Array(4).fill('tool')],
		['none of three', ['Read', 'Read', 'Read', 'so'], ['tool', 'tool', 'tool', 'text']],
		[
			'not across a deed',
			['Read', 'Read', 'Bash', 'Read', 'Read', 'so'],
			[...Array(5).fill('tool'), 'text']
		]
	])('%s', (_what, names, expected) => {
		expect(kinds(blocksFor(...names))).toEqual(expected);
	});

	it('leaves out what failed', () => {
		const blocks = blocksFor(...Array<string>(12).fill('Read'), 'so');
		expect(kinds(blocks)).toEqual(['group', 'tool', 'tool', 'tool', 'text']);
	});

	it('says what was done, and is the same as long as its calls are', () => {
		const blocks = blocksFor('Read', 'Grep', 'Read', 'Glob', 'so');
		const [group] = groupRuns(blocks);
		expect(groupWords(group as GroupBlock)).toBe('Read 2, Search 1, Find 1');
		expect(groupRuns(blocks)[0]).toBe(group);
	});

	it('leads to a call within', () => {
		const blocks = groupRuns(blocksFor('Read', 'Grep', 'Read', 'Glob', 'so'));
		expect(placeOf(blocks, 5, null)).toEqual({ index: 0, keys: ['group:tool:t0', 'tool:t2'] });
	});
});
