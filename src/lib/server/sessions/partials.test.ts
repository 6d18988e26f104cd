import { describe, expect, it } from 'vitest';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { Partials } from './partials.ts';

const delta = (text: string, more: Partial<Delta> = {}): Delta => ({
	messageId: 'm',
	block: 0,
	kind: 'text',
	offset: 0,
	text,
	parentToolUseId: null,
	...more
});
const event = (
	source: SessionEvent['source'],
	type: string,
	payload: SessionEvent['payload'] = {}
): SessionEvent => ({ seq: 1, ts: '2026-01-02T03:04:05.000Z', source, type, payload });
const texts = (partials: Partials) =>
	partials.list().map(({ messageId, blocks }) => [messageId, ...blocks.map(({ text }) => text)]);

describe('Partials', () => {
	it('grows blocks of messages, in the order of their index', () => {
		const partials = new Partials();
		const tool = { id: 't', name: 'Bash' };
		expect(partials.apply(delta('{"a"', { block: 1, kind: 'tool_input', tool }))).toBe('ok');
		expect(partials.apply(delta(':1}', { block: 1, kind: 'tool_input', offset: 4 }))).toBe('ok');
		expect(partials.apply(delta('one '))).toBe('ok');
		expect(partials.apply(delta('two', { offset: 4 }))).toBe('ok');
		expect(texts(partials)).toEqual([['m', 'one two', '{"a":1}']]);
		expect(partials.list()[0]?.blocks[1]?.tool).toEqual(tool);
	});

	it('calls a piece that does not fit a hole, and keeps nothing of it', () => {
		const partials = new Partials();
		expect(partials.apply(delta('late', { offset: 7 }))).toBe('hole');
		expect(partials.apply(delta('late', { messageId: 'n', offset: 1 }))).toBe('hole');
		expect(partials.list()).toEqual([]);
		partials.apply(delta('ab'));
		expect(partials.apply(delta('again', { offset: 1 }))).toBe('hole');
		expect(texts(partials)).toEqual([['m', 'ab']]);
	});

	it('lets go of what is stored: a block, all at the end of a turn', () => {
		const partials = new Partials();
		partials.apply(delta('one'));
		partials.apply(delta('two', { block: 1 }));
		partials.settle([event('runner', 'claude.assistant', { message: { id: 'm' } })]);
		partials.settle([event('claude', 'claude.assistant', { message: null })]);
		partials.settle([event('claude', 'claude.assistant', { message: { id: 'other' } })]);
		expect(texts(partials)).toEqual([['m', 'one', 'two']]);
		partials.settle([event('claude', 'claude.assistant', { message: { id: 'm' } })]);
		expect(texts(partials)).toEqual([['m', 'two']]);
		partials.settle([event('claude', 'runner.turn_ended')]);
		expect(texts(partials)).toEqual([['m', 'two']]);
		partials.settle([event('runner', 'runner.turn_ended')]);
		expect(texts(partials)).toEqual([]);
	});

	it('holds no more than it may, whatever a sandbox says, and begins anew when that is stored', () => {
		const partials = new Partials();
		const chunk = 'x'.repeat(1_000_000);
		const results = Array.from({ length: 12 }, (_, index) =>
			partials.apply(delta(chunk, { offset: index * chunk.length }))
		);
		expect(new Set(results)).toEqual(new Set(['ok', 'full']));
		expect(partials.list()).toEqual([]);
		const blocks = [{ block: 0, kind: 'text' as const, text: chunk.repeat(12) }];
		partials.replace([{ messageId: 'm', parentToolUseId: null, blocks }]);
		expect(partials.list()).toEqual([]);
		partials.settle([event('runner', 'runner.turn_ended')]);
		expect(partials.apply(delta('new'))).toBe('ok');
	});

	it('keeps only so much of what has no text', () => {
		const pieces: [string, (index: number) => Partial<Delta>][] = [
			['messages', (index) => ({ messageId: `message ${index}` })],
			['long names', (index) => ({ messageId: `${index} ${'x'.repeat(100_000)}` })],
			['blocks', (index) => ({ block: index })],
			['tools', (index) => ({ block: index, tool: { id: 't', name: 'x'.repeat(100_000) } })]
		];
		for (const [what, piece] of pieces) {
			const partials = new Partials();
			const answers = Array.from({ length: 200_000 }, (_, index) => index).map((index) =>
				partials.apply(delta('', piece(index)))
			);
			expect(answers.at(-1), what).toBe('full');
			expect(partials.list(), what).toEqual([]);
		}
	});
});
