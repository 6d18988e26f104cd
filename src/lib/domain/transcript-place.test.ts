import { describe, expect, it } from 'vitest';
import { LogWriter } from '../../../tests/support/transcript-events.ts';
import { placeOf, seqOfBlock } from './transcript-place.ts';
import { blocksOf } from './transcript-state.ts';
import { foldEvents } from './transcript.ts';

const log = new LogWriter();
log.created();
const asked = log.accepted('one', 'Do it');
log.accepted('two', 'Then this');
const begun = log.turnStarted('one');
log.calls('m1', 'outer', 'Agent', { prompt: 'look' });
const inner = log.text('m2', 'Within', 'outer');
const answered = log.result('outer', 'done');
log.turnEnded('one');
const later = log.turnStarted('two');
const blocks = blocksOf(foldEvents(log.events));

const keysAt = (seq: number): string[] | undefined =>
	placeOf(blocks, seq, log.events[seq - 1] ?? null)?.keys;

describe('the place of an event', () => {
	it.each([
		['a prompt, by what accepted it', asked.seq, ['message:one']],
		['a prompt, by the begin of its turn', begun.seq, ['message:one']],
		['a prompt that waited', later.seq, ['message:two']],
		['what a sub-agent said, in its call', inner.seq, ['tool:outer', expect.any(String)]],
		['the result of a call', answered.seq, ['tool:outer']]
	])('%s', (_what, seq, keys) => {
		expect(keysAt(seq)).toEqual(keys);
	});

	it('is the nearest before it of an event without a block', () => {
		expect(placeOf(blocks, inner.seq, null)?.keys).toHaveLength(2);
		expect(placeOf(blocks, 10_000, null)?.index).toBe(blocks.length - 1);
		expect(placeOf([], 1, null)).toBeNull();
	});

	it('goes on with the log', () => {
		const seqs = blocks.map((block) => seqOfBlock(block) ?? 0);
		expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
	});
});
