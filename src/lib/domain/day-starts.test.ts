import { describe, expect, it } from 'vitest';
import { lastDays } from './day-starts.ts';

const starts = (count: number, timeZone: string, now: string): string[] =>
	lastDays(count, timeZone, Date.parse(now)).map(
		({ name, startMs }) => `${name} ${new Date(startMs).toISOString()}`
	);

describe('the last days', () => {
	it('begin at UTC’s midnights', () => {
		expect(starts(2, 'UTC', '2026-11-26T00:00:00Z')).toEqual([
			'2026-11-25 2026-11-25T00:00:00.000Z',
			'2026-11-26 2026-11-26T00:00:00.000Z'
		]);
	});

	it('begin where the person is, also at half hours', () => {
		expect(starts(1, 'Asia/Kolkata', '2026-11-25T18:30:00Z')).toEqual([
			'2026-11-26 2026-11-25T18:30:00.000Z'
		]);
		expect(starts(1, 'America/Los_Angeles', '2026-11-26T07:59:59Z')).toEqual([
			'2026-11-25 2026-11-25T08:00:00.000Z'
		]);
	});

	it('are 23 and 25 hours long when the clocks change', () => {
		expect(starts(3, 'Europe/Berlin', '2026-03-30T12:00:00Z')).toEqual([
			'2026-03-28 2026-03-27T23:00:00.000Z',
			'2026-03-29 2026-03-28T23:00:00.000Z',
			'2026-03-30 2026-03-29T22:00:00.000Z'
		]);
		expect(starts(2, 'Europe/Berlin', '2026-10-26T12:00:00Z')).toEqual([
			'2026-10-25 2026-10-24T22:00:00.000Z',
			'2026-10-26 2026-10-25T23:00:00.000Z'
		]);
	});
});
