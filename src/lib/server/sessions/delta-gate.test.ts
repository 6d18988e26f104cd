import { describe, expect, it } from 'vitest';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import { DeltaGate } from './delta-gate.ts';
import { Partials } from './partials.ts';

const delta = (text: string, offset: number): Delta => ({
	messageId: 'm',
	block: 0,
	kind: 'text',
	offset,
	text,
	parentToolUseId: null
});
const whole = (text: string) => [
	{ messageId: 'm', parentToolUseId: null, blocks: [{ block: 0, kind: 'text' as const, text }] }
];

const makeGate = () => {
	const out: string[] = [];
	const partials = new Partials();
	const gate = new DeltaGate({
		partials,
		onDelta: ({ text }) => out.push(text),
		onPartials: () => out.push('whole'),
		askForWhole: () => out.push('ask')
	});
	const push = (text: string, offset: number, afterN: number, committedN: number): void =>
		gate.push({ afterN, length: text.length, deltas: [delta(text, offset)] }, committedN);
	return { out, partials, gate, push };
};

describe('DeltaGate', () => {
	it('lets nothing out before the record that it follows', () => {
		const { out, gate, push } = makeGate();
		push('a', 0, 1, 1);
		push('b', 1, 2, 1);
		gate.push({ afterN: 3, length: 1, partials: whole('whole') }, 1);
		expect(out).toEqual(['a']);
		gate.release(2);
		expect(out).toEqual(['a']);
		gate.release(3);
		expect(out).toEqual(['a', 'whole']);
	});

	it('asks for the whole once, drops what follows, and goes on from it', () => {
		const { out, partials, gate, push } = makeGate();
		push('x', 5, 0, 0);
		push('y', 6, 0, 0);
		expect(out).toEqual(['ask']);
		gate.push({ afterN: 0, length: 7, partials: whole('1234567') }, 0);
		push('8', 7, 0, 0);
		expect(out).toEqual(['ask', 'whole', '8']);
		expect(partials.list()[0]?.blocks[0]?.text).toBe('12345678');
	});

	it('holds a bounded amount back while the database is away', () => {
		const { out, gate, push } = makeGate();
		const text = 'x'.repeat(1_000_000);
		for (let i = 0; i < 20; i++) push(text, i * text.length, 9, 0);
		expect(out).toEqual(['ask']);
		gate.release(9);
		expect(out).toEqual(['ask']);
	});
});
