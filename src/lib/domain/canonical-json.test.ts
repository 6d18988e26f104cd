import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeStory } from '../../../tests/support/transcript-events.ts';
import { canonicalJson, transcriptHash } from './canonical-json.ts';
import { sha256Hex } from './sha256.ts';

describe('canonical JSON', () => {
	it.each<[unknown, string]>([
		[{ b: 1, a: [{ d: null, c: 'x' }] }, '{"a":[{"c":"x","d":null}],"b":1}'],
		[{ a: undefined }, '{}'],
		[JSON.parse('{"__proto__":1,"a":2}'), '{"__proto__":1,"a":2}'],
		[{ '10': 1, '9': 2, B: 3, a: 4 }, '{"9":2,"10":1,"B":3,"a":4}'],
		['\ud800', '"\\ud800"'],
		[1.0, '1']
	])('%j', (value, expected) => {
		expect(canonicalJson(value)).toBe(expected);
	});

	it('spells equal objects alike, whatever the order of their keys', () => {
		const shuffled = JSON.parse('{"2":0,"b":{"y":1,"x":2},"1":0,"a":3}') as unknown;
		const other = JSON.parse('{"a":3,"1":0,"b":{"x":2,"y":1},"2":0}') as unknown;
		expect(canonicalJson(shuffled)).toBe(canonicalJson(other));
	});
});

describe('the hash', () => {
	it.each(['', 'abc', 'é'.repeat(55), 'x'.repeat(64), '👩‍💻'.repeat(1000)])(
		'is SHA-256 (%#)',
		(text) => {
			expect(sha256Hex(text)).toBe(createHash('sha256').update(text).digest('hex'));
		}
	);

	it('changes with any change of an event and with their order, not with the time', () => {
		const story = writeStory();
		const whole = transcriptHash(story);
		expect(transcriptHash(story.map((event) => ({ ...event, ts: '2000-01-01T00:00:00Z' })))).toBe(
			whole
		);
		expect(transcriptHash(story.slice(1))).not.toBe(whole);
		expect(transcriptHash(story.toReversed())).not.toBe(whole);
		const first = story[0];
		if (!first) throw new Error('an empty story');
		const changed = { ...first, payload: { ...first.payload, goalPrompt: 'Other' } };
		expect(transcriptHash(story.with(0, changed))).not.toBe(whole);
	});
});
