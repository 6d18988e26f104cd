import { describe, expect, it } from 'vitest';
import { LogWriter } from '../../../tests/support/transcript-events.ts';
import { blocksOf } from './transcript-state.ts';
import { foldSetAside, setAsideKeyOf } from './transcript-set-aside.ts';
import { foldEvents } from './transcript.ts';

const log = new LogWriter();
log.created();
const turn = (name: string) => {
	log.accepted(name, `Do ${name}`);
	const begun = log.turnStarted(name);
	log.text(`m-${name}`, `Did ${name}.`);
	log.turnEnded(name);
	return begun.seq;
};
turn('one');
const two = turn('two');
const rewoundTwo = log.manager('session.rewound', {
	...{ commandId: 'r1', atSeq: two, conversationId: 'c', messageIds: [], filesChanged: 2 }
}).seq;
const three = turn('three');
const rewoundThree = log.manager('session.rewound', {
	...{ commandId: 'r2', atSeq: three, conversationId: 'd', messageIds: [], filesChanged: null }
}).seq;
turn('four');

const blocks = blocksOf(foldEvents(log.events));
const shut = (): boolean => false;
const words = (rows: ReturnType<typeof foldSetAside>) =>
	rows.map((row) =>
		row.kind === 'set_aside' ? `aside ${row.prompts}` : 'text' in row ? row.text : row.kind
	);

describe('what a rewind has set aside', () => {
	it('is one row, and what follows stands behind it', () => {
		const rows = foldSetAside(blocks, [{ from: two, to: rewoundTwo }], shut);
		expect(words(rows)).toEqual([
			...['Do one', 'Did one.', 'turn', 'aside 1'],
			...['Rewound to before a prompt: 2 files were put back', 'Do three', 'Did three.', 'turn'],
			...['Rewound to before a prompt: the files stay as they are', 'Do four', 'Did four.', 'turn']
		]);
	});

	it('opens to the rows that it was made of', () => {
		const rows = foldSetAside(blocks, [{ from: two, to: rewoundTwo }], () => true);
		expect(rows.filter(({ kind }) => kind !== 'set_aside')).toEqual(blocks);
	});

	it('is one row for ranges that overlap, and two for those that do not', () => {
		const both = [
			{ from: two, to: rewoundTwo },
			{ from: three, to: rewoundThree }
		];
		expect(words(foldSetAside(blocks, both, shut)).filter((it) => /^aside/.test(it))).toEqual([
			'aside 1',
			'aside 1'
		]);
		const nested = [
			{ from: two, to: rewoundTwo },
			{ from: two, to: rewoundThree }
		];
		expect(words(foldSetAside(blocks, nested, shut)).filter((it) => /^aside/.test(it))).toEqual([
			'aside 2'
		]);
	});

	it('is nothing without a rewind, and is found by any of its events', () => {
		expect(foldSetAside(blocks, [], shut)).toBe(blocks);
		const rows = foldSetAside(blocks, [{ from: two, to: rewoundTwo }], shut);
		expect(setAsideKeyOf(rows, two + 1)).toBe(`set-aside:${two}`);
		expect(setAsideKeyOf(rows, rewoundTwo)).toBeNull();
	});
});
