import { expect, it } from 'vitest';
import { Traffic } from './traffic.ts';

it('waits for those inside, and lets nobody in meanwhile', async () => {
	const traffic = new Traffic();
	const leave = [traffic.enter(), traffic.enter()];
	let closed = false;
	const closing = traffic.close().then(() => (closed = true));
	expect(traffic.enter()).toBeNull();
	leave[0]?.();
	await Promise.resolve();
	expect(closed).toBe(false);
	leave[1]?.();
	await closing;
	expect(closed).toBe(true);
});

it('is closed at once when nobody is inside', async () => {
	const traffic = new Traffic();
	traffic.enter()?.();
	await traffic.close();
	expect(traffic.enter()).toBeNull();
});
