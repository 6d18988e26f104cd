import { describe, expect, it } from 'vitest';
import { throughOutages } from './outage.ts';

const run = async (failures: unknown[]) => {
	const waits: string[] = [];
	const pauses: number[] = [];
	const left = [...failures];
	const result = await throughOutages(
		async () => {
			if (left.length > 0) throw left.shift();
			return 'read';
		},
		{
			onWaiting: (message) => waits.push(message),
			pause: async (ms) => pauses.push(ms)
		}
	);
	return { result, waits, pauses };
};

const away = (message: string): Error =>
	new Error('Failed query: select 1', {
		cause: Object.assign(new Error(message), { code: '57P03' })
	});

describe('throughOutages', () => {
	it('asks again, less and less often, until the database is back, and says why it waits', async () => {
		const failures = Array.from({ length: 7 }, (_, index) => away(`starting up, ${index}`));
		const { result, waits, pauses } = await run(failures);
		expect(result).toBe('read');
		expect(waits[0]).toBe('starting up, 0');
		expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
	});

	it('does not wait for what waiting does not mend', async () => {
		const broken = Object.assign(new Error('relation does not exist'), { code: '42P01' });
		await expect(run([away('down'), broken])).rejects.toBe(broken);
	});
});
