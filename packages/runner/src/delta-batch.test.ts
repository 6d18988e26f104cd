import { describe, expect, it } from 'vitest';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import { createDeltaBatch } from './delta-batch.ts';

const delta = (offset: number, text: string, changes: Partial<Delta> = {}): Delta => ({
	messageId: 'm1',
	block: 0,
	kind: 'text',
	offset,
	text,
	parentToolUseId: null,
	...changes
});

const collect = () => {
	const sent: [number, Delta[]][] = [];
	return { sent, batch: createDeltaBatch((afterN, deltas) => sent.push([afterN, deltas])) };
};

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe('delta batch', () => {
	it('joins neighbours of a tick into one delta, and sends at its end', async () => {
		const { sent, batch } = collect();
		batch.add(3, delta(0, 'one'));
		batch.add(3, delta(3, ' two'));
		expect(sent).toEqual([]);
		await nextTick();
		expect(sent).toEqual([[3, [delta(0, 'one two')]]]);
	});

	it('sends deltas of later ticks by themselves', async () => {
		const { sent, batch } = collect();
		batch.add(1, delta(0, 'a'));
		await nextTick();
		batch.add(1, delta(1, 'b'));
		await nextTick();
		expect(sent.map(([, deltas]) => deltas.length)).toEqual([1, 1]);
	});

	it('keeps blocks and sub-agents apart within one frame', async () => {
		const { sent, batch } = collect();
		const others = [delta(1, 'b', { block: 1 }), delta(2, 'c', { block: 1, parentToolUseId: 't' })];
		batch.add(1, delta(0, 'a'));
		for (const other of others) batch.add(1, other);
		await nextTick();
		expect(sent).toEqual([[1, [delta(0, 'a'), ...others]]]);
	});

	it('never puts deltas before and after a record into one frame', () => {
		const { sent, batch } = collect();
		batch.add(1, delta(0, 'a'));
		batch.add(2, delta(1, 'b'));
		batch.flush();
		expect(sent.map(([afterN]) => afterN)).toEqual([1, 2]);
	});
});
