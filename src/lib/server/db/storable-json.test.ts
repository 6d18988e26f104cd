import { describe, expect, it } from 'vitest';
import {
	PAYLOAD_MAX_LENGTH,
	storableTime,
	storableType,
	storableValue,
	toStorable
} from './storable-json.ts';

describe('toStorable', () => {
	const cases: [string, Record<string, unknown>, string[] | null][] = [
		['plain', { a: [1, 'ä', null, { b: true }] }, null],
		['the look of an escape', { a: '\\u0000 \\ud800' }, null],
		['whole pairs', { a: '😀' }, null],
		['NUL', { a: 'x\u0000' }, ['nul']],
		['NUL in a key', { 'x\u0000': 1 }, ['nul']],
		['a first half', { a: '\ud83d' }, ['surrogate']],
		['a second half', { a: '\ude00 x' }, ['surrogate']],
		['both', { a: '\u0000', b: ['\ud800'] }, ['nul', 'surrogate']],
		['much', { a: 'x'.repeat(PAYLOAD_MAX_LENGTH) }, ['oversize']],
		['many', { a: Array.from({ length: 100_000 }, (_, i) => i) }, ['oversize']]
	];
	it.each(cases)('%s', (_name, payload, marks) => {
		const stored = toStorable(payload);
		expect(stored.marks).toEqual(marks);
		expect(stored.json.length).toBeLessThanOrEqual(PAYLOAD_MAX_LENGTH);
		expect(stored.json).not.toMatch(marks ? /\\u0000|\\ud[89a-f]/ : /^$/);
		expect(JSON.parse(stored.body ?? stored.json)).toEqual(payload);
	});

	it('keeps what is nested too deep as text in the side table, without recursion', () => {
		let deep: unknown = 'bottom';
		for (let i = 0; i < 50_000; i++) deep = [deep];
		const { json, marks, body } = toStorable({ deep });
		expect(marks).toEqual(['deep']);
		expect(json.length).toBeLessThan(1_000);
		expect(body?.length).toBeGreaterThan(100_000);
	});
});

describe('a sandbox’s word', () => {
	const now = new Date('2026-01-02T03:04:05.000Z');
	it.each([
		['2025-01-02T03:04:05.678Z', '2025-01-02T03:04:05.678Z'],
		['2025-01-02T03:04:05+02:00', '2025-01-02T01:04:05.000Z'],
		['0000-01-01T00:00:00Z', now.toISOString()],
		['1969-12-31T23:59:59Z', now.toISOString()],
		['+275760-09-13T00:00:00.000Z', now.toISOString()],
		['yesterday', now.toISOString()]
	])('for when: %s', (ts, expected) => {
		expect(storableTime(ts, now)).toBe(expected);
	});

	it('for what: a name that can be stored', () => {
		expect(storableType('claude.x')).toBe('claude.x');
		expect(storableType('a\u0000\ud800b')).toBe('ab');
		expect(storableType('\u0000')).toBe('unknown');
	});

	it('cleans values of any shape', () => {
		expect(storableValue({ a: ['\u0000', { b: '\ud800' }], c: 1 })).toEqual({
			a: ['\u2400', { b: '\ufffd' }],
			c: 1
		});
	});
});
