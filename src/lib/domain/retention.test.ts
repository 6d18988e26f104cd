import { describe, expect, it } from 'vitest';
import { archivedFor, decideRetention, type RetentionFact } from './retention.ts';

const DAY = 24 * 60 * 60_000;
const NOW = Date.parse('2026-11-26T12:00:00Z');
const ago = (days: number): number => NOW - days * DAY;
const session = (change: Partial<RetentionFact>): RetentionFact => ({
	...{ id: 's', status: 'stopped', ending: null, pinned: false, archivedAtMs: null },
	updatedAtMs: ago(100),
	...change
});
const decide = (change: Partial<RetentionFact>, archiveAfterDays = 30, deleteAfterDays = 30) =>
	decideRetention([session(change)], { archiveAfterDays, deleteAfterDays }, NOW);
const nothing = { archive: [], purge: [] };

describe('decideRetention', () => {
	const cases: [string, Partial<RetentionFact>, object][] = [
		['ended long ago', {}, { archive: ['s'], purge: [] }],
		['in error long ago', { status: 'error' }, { archive: ['s'], purge: [] }],
		['exactly so long ago', { updatedAtMs: ago(30) }, { archive: ['s'], purge: [] }],
		['a moment less', { updatedAtMs: ago(30) + 1 }, nothing],
		['live', { status: 'waiting' }, nothing],
		['pinned', { pinned: true }, nothing],
		['being purged', { ending: 'purge' }, nothing],
		['archived lately, old', { archivedAtMs: ago(1) }, nothing],
		['archived long ago', { archivedAtMs: ago(31) }, { archive: [], purge: ['s'] }],
		['archived long ago and pinned', { archivedAtMs: ago(31), pinned: true }, nothing],
		['a clock that went back', { updatedAtMs: ago(-400) }, nothing]
	];
	it.each(cases)('%s', (_name, change, expected) => {
		expect(decide(change)).toEqual(expected);
	});

	it('does nothing at 0', () => {
		expect(decide({}, 0, 30)).toEqual(nothing);
		expect(decide({ archivedAtMs: ago(400) }, 30, 0)).toEqual(nothing);
	});

	it('shows all of the archive at 0 days', () => {
		const sessions = [
			session({ archivedAtMs: NOW }),
			session({}),
			session({ archivedAtMs: ago(9) })
		];
		expect(archivedFor(sessions, 0, NOW)).toHaveLength(2);
		expect(archivedFor(sessions, 7, NOW)).toHaveLength(1);
	});
});
