import { beforeEach, expect, it } from 'vitest';
import { sampleSession } from '../../../tests/support/sample-session.ts';
import { Seen } from './seen.svelte.ts';

beforeEach(() => localStorage.clear());

it('is unread when a turn has ended that nobody saw', () => {
	const seen = new Seen();
	const session = sampleSession({ turns: 1 });
	expect(seen.isUnread(session)).toBe(true);
	seen.mark(session);
	expect(seen.isUnread(session)).toBe(false);
	expect(seen.isUnread({ ...session, turns: 2 })).toBe(true);
});

it('does not count looking while the turn runs or asks', () => {
	const seen = new Seen();
	seen.mark(sampleSession({ turns: 1, waitingFor: 'approval' }));
	seen.mark(sampleSession({ turns: 1, status: 'running', waitingFor: null }));
	expect(seen.isUnread(sampleSession({ turns: 1 }))).toBe(true);
});

it('takes a restart, sleep or wake-up for nothing new', () => {
	const seen = new Seen();
	seen.mark(sampleSession({ turns: 3, head: 40 }));
	expect(seen.isUnread(sampleSession({ turns: 3, head: 57, asleep: true }))).toBe(false);
});

it('is kept for the next visit and survives rubbish in the storage', () => {
	new Seen().mark(sampleSession({ turns: 1 }));
	expect(new Seen().isUnread(sampleSession({ turns: 1 }))).toBe(false);
	for (const rubbish of ['{', '{}', '[1,[2],["a","b"]]']) {
		localStorage.setItem('seen-turns', rubbish);
		expect(new Seen().isUnread(sampleSession({ turns: 1 }))).toBe(true);
	}
});
