import { expect, it } from 'vitest';
import {
	ageText,
	costText,
	countText,
	durationText,
	ordinal,
	plural,
	shortAgeText
} from './format.ts';

const NOW = Date.parse('2026-11-23T12:00:00.000Z');
const before = (ms: number): string => new Date(NOW - ms).toISOString();

it.each([
	[5_000, 'just now', 'now'],
	[-60_000, 'just now', 'now'],
	[5 * 60_000, '5 min ago', '5m'],
	[3 * 3_600_000, '3 h ago', '3h'],
	[2 * 86_400_000, '2 d ago', '2d'],
	[30 * 86_400_000, '2026-10-24', '30d']
])('says the age of %i ms', (ms, long, short) => {
	expect(ageText(before(ms), NOW)).toBe(long);
	expect(shortAgeText(before(ms), NOW)).toBe(short);
});

it.each([
	[0, '0 ms'],
	[240.4, '240 ms'],
	[3_120, '3.1 s'],
	[42_000, '42 s'],
	[59_999, '1 min'],
	[119_700, '2 min'],
	[125_000, '2 min 5 s']
])('says the duration of %d ms', (ms, text) => expect(durationText(ms)).toBe(text));

it.each([
	[0, '$0'],
	[0.004, '< $0.01'],
	[0.42, '$0.42'],
	[12.3, '$12.30']
])('says the cost of %d', (usd, text) => expect(costText(usd)).toBe(text));

it.each([
	[950, '950'],
	[12_430, '12.4k'],
	[123_456, '123k'],
	[3_140_000, '3.1M']
])('shortens %i', (count, text) => expect(countText(count)).toBe(text));

it('counts things', () => {
	expect(plural(1, 'session')).toBe('1 session');
	expect(plural(0, 'session')).toBe('0 sessions');
	expect(plural(2, 'entry', 'entries')).toBe('2 entries');
	expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal)).toEqual([
		'1st',
		'2nd',
		'3rd',
		'4th',
		'11th',
		'12th',
		'13th',
		'21st',
		'102nd',
		'111th'
	]);
});
