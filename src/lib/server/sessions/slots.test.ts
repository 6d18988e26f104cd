import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

test('lets as many go as there are slots, the others in the order of asking', async () => {
	const slots = new Slots(2);
	const order: string[] = [];
	const first = await slots.acquire(never);
	const second = await slots.acquire(never);
	expect(slots.areTaken).toBe(true);
	const third = slots.acquire(never).then((free) => (order.push('third'), free));
	const fourth = slots.acquire(never).then((free) => (order.push('fourth'), free));
	second?.();
	(await third)?.();
	await fourth;
	expect(order).toEqual(['third', 'fourth']);
	first?.();
});

test('a slot that is freed twice is one slot', async () => {
	const slots = new Slots(1);
	const free = await slots.acquire(never);
	free?.();
	free?.();
	await slots.acquire(never);
	expect(slots.areTaken).toBe(true);
});

test('who gives up waiting leaves the row and takes no slot', async () => {
	const slots = new Slots(1);
	const free = await slots.acquire(never);
	const impatient = new AbortController();
	const gone = slots.acquire(impatient.signal);
	const next = slots.acquire(never);
	impatient.abort();
	expect(await gone).toBe(null);
	free?.();
	await next;
	expect(slots.areTaken).toBe(true);
	expect(await slots.acquire(impatient.signal)).toBe(null);
});
