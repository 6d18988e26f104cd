import { expect, it } from 'vitest';
import { latestOnly } from './latest-only.ts';

it('looks again when it was asked for meanwhile, and never two at a time', async () => {
	const looks: (() => void)[] = [];
	const shown: number[] = [];
	let state = 1;
	const show = latestOnly(async () => {
		const read = state;
		await new Promise<void>((resolve) => looks.push(resolve));
		shown.push(read);
	});
	const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
	show('a');
	state = 2;
	show('a');
	show('a');
	expect(looks).toHaveLength(1);
	looks[0]?.();
	await settle();
	expect(looks).toHaveLength(2);
	looks[1]?.();
	await settle();
	expect(shown).toEqual([1, 2]);
	show('a');
	expect(looks).toHaveLength(3);
});
