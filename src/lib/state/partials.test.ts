import { describe, expect, it } from 'vitest';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import { sampleEvent } from '../../../tests/support/sample-session.ts';
import {
	applyDelta,
	noPartials,
	resetPartials,
	settlePartials,
	type PartialsState
} from './partials.ts';

const delta = (offset: number, text: string, over: Partial<Delta> = {}): Delta => ({
	messageId: 'm1',
	block: 0,
	kind: 'text',
	offset,
	text,
	parentToolUseId: null,
	...over
});
const stored = (content: object[], id = 'm1') =>
	sampleEvent(1, {
		source: 'claude',
		type: 'claude.assistant',
		payload: { message: { id, content } }
	});
const fold = (...deltas: Delta[]): PartialsState => {
	let state = noPartials();
	for (const each of deltas) {
		const next = applyDelta(state, each);
		if (!next) throw new Error('hole');
		state = next;
	}
	return state;
};
const textOf = (state: PartialsState): string =>
	state.messages.flatMap((m) => m.blocks.map((b) => b.text)).join('|');

describe('applyDelta', () => {
	it('grows a block and takes what overlaps once', () => {
		expect(textOf(fold(delta(0, 'Hel'), delta(3, 'lo')))).toBe('Hello');
		expect(textOf(fold(delta(0, 'Hello'), delta(3, 'lo you'), delta(0, 'Hell')))).toBe('Hello you');
	});

	it('answers null when text is missing', () => {
		expect(applyDelta(fold(delta(0, 'Hel')), delta(5, 'x'))).toBeNull();
		expect(applyDelta(noPartials(), delta(1, 'x'))).toBeNull();
	});

	it('keeps blocks in order and the tool that a block began with', () => {
		const state = fold(
			delta(0, '{"a"', { block: 1, kind: 'tool_input', tool: { id: 't', name: 'Bash' } }),
			delta(0, 'Text'),
			delta(4, ':1}', { block: 1, kind: 'tool_input' })
		);
		expect(state.messages[0]?.blocks.map((b) => b.block)).toEqual([0, 1]);
		expect(state.messages[0]?.blocks[1]).toMatchObject({ text: '{"a":1}', tool: { name: 'Bash' } });
	});
});

describe('settlePartials', () => {
	it('drops a block when its stored message is there, and late deltas of it', () => {
		const two = fold(delta(0, 'One'), delta(0, '{}', { block: 1, kind: 'tool_input' }));
		const settled = settlePartials(two, stored([{ type: 'text', text: 'One' }]));
		expect(settled.messages[0]?.blocks.map((b) => b.block)).toEqual([1]);
		expect(applyDelta(settled, delta(3, ' late'))).toBe(settled);
		const all = settlePartials(settled, stored([{ type: 'tool_use', id: 't' }]));
		expect(all.messages).toEqual([]);
	});

	it('leaves other messages alone', () => {
		const state = fold(delta(0, 'One'), delta(0, 'Sub', { messageId: 'm2', parentToolUseId: 't' }));
		expect(textOf(settlePartials(state, stored([{ type: 'text' }])))).toBe('Sub');
		expect(settlePartials(state, stored([{ type: 'text' }], 'm9'))).toBe(state);
	});

	it.each(['claude.result', 'claude.result.success', 'runner.turn_ended', 'sandbox.exited'])(
		'ends with %s',
		(type) => {
			expect(settlePartials(fold(delta(0, 'One')), sampleEvent(1, { type })).messages).toEqual([]);
		}
	);

	it('survives a payload of any shape', () => {
		const state = resetPartials(fold(delta(0, 'One')).messages);
		for (const payload of [{}, { message: null }, { message: { id: 'm1', content: 'x' } }]) {
			const event = sampleEvent(1, { type: 'claude.assistant', payload });
			expect(textOf(settlePartials(state, event))).toBe('One');
		}
		const odd = stored([null as unknown as object, { type: 7 }]);
		expect(textOf(settlePartials(state, odd))).toBe('One');
	});
});
