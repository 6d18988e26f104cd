import { describe, expect, it } from 'vitest';
import type { Activity } from '#lib/domain/transcript-blocks.ts';
import { activityWords, stallWords, turnWords } from './working-words.ts';

const since = '2026-11-23T08:00:00.000Z';
const at = (seconds: number): number => Date.parse(since) + seconds * 1_000;
const thinking: Activity = { kind: 'thinking', since };
const tool: Activity = { kind: 'tool', name: 'Bash', since };
const retry: Activity = {
	...{ kind: 'retry', attempt: 2, maxRetries: 10, reason: 'Overloaded', delayMs: 8_000 },
	since
};

describe('activityWords', () => {
	it.each([
		[thinking, 0.5, 'Thinking…'],
		[thinking, 12, 'Thinking 12s'],
		[tool, 75, 'Running Bash 1m 15s'],
		[{ kind: 'compacting', since } as const, 3, 'Summarising the conversation 3s'],
		[{ kind: 'working', since } as const, 2, 'Working 2s'],
		[{ kind: 'idle' } as const, 2, 'Working…'],
		[retry, 3.5, 'Overloaded: retry 2 of 10 in 5s'],
		[retry, 9, 'Overloaded: retry 2 of 10 now'],
		[{ ...retry, maxRetries: null, delayMs: null } as const, 0, 'Overloaded: retry 2 now'],
		[thinking, -3_600, 'Thinking…']
	])('%j after %d s: %s', (activity, seconds, words) => {
		expect(activityWords(activity, at(seconds))).toBe(words);
	});
});

describe('stallWords', () => {
	it('counts from the last thing that moved, later for a tool than for the model', () => {
		expect(stallWords(thinking, at(0), at(44))).toBeNull();
		expect(stallWords(thinking, at(0), at(80))).toBe('nothing from the model for 1m 20s');
		expect(stallWords(thinking, at(70), at(80))).toBeNull();
		expect(stallWords(tool, at(0), at(200))).toBeNull();
		expect(stallWords(tool, at(0), at(301))).toBe('nothing from the tool for 5m 1s');
	});

	it('says nothing of a wait that is meant, nor before it knows', () => {
		expect(stallWords(retry, at(0), at(900))).toBeNull();
		expect(stallWords(thinking, null, at(900))).toBeNull();
	});
});

it('a turn says how long it goes', () => {
	expect(turnWords(since, at(61))).toBe('1m 1s');
	expect(turnWords(null, at(61))).toBeNull();
});
