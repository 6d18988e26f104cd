import { describe, expect, it } from 'vitest';
import { createSessionTurns } from './session-turns.ts';

describe('session turns', () => {
	it('do one thing of a session after the other, also after a failure', async () => {
		const inTurn = createSessionTurns();
		const order: string[] = [];
		let release = (): void => undefined;
		const gate = new Promise<void>((resolve) => (release = resolve));
		const first = inTurn('a', async () => {
			await gate;
			order.push('first');
			throw new Error('broken');
		});
		const second = inTurn('a', () => Promise.resolve(order.push('second')));
		await inTurn('b', () => Promise.resolve(order.push('other')));
		release();
		await expect(first).rejects.toThrow('broken');
		await second;
		expect(order).toEqual(['other', 'first', 'second']);
	});
});
