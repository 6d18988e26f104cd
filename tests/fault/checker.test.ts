import { describe, expect, it } from 'vitest';
import { checkSession, countViolations, type SessionEvidence } from './checker.ts';

/** A session where all is well: the manager's first event, then three of the runner's, two viewers. */
const sound = (): SessionEvidence => ({
	sessionId: 's',
	truth: [
		{ n: 1, hash: 'a' },
		{ n: 2, hash: 'b' },
		{ n: 3, hash: 'c' }
	],
	rows: [
		{ seq: 1, n: null, originalHash: 'm', shownHash: 'm' },
		{ seq: 2, n: 1, originalHash: 'a', shownHash: 'a' },
		{ seq: 3, n: 2, originalHash: 'b', shownHash: 'b without its NUL' },
		{ seq: 4, n: 3, originalHash: 'c', shownHash: 'c' }
	],
	viewers: [
		{
			name: 'from the start',
			after: 0,
			seen: [
				{ seq: 1, hash: 'm' },
				{ seq: 2, hash: 'a' },
				{ seq: 3, hash: 'b without its NUL' },
				{ seq: 4, hash: 'c' }
			]
		},
		{ name: 'late', after: 3, seen: [{ seq: 4, hash: 'c' }] }
	],
	pages: []
});

type Change = (evidence: SessionEvidence) => void;
type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer V)[] ? V[] : T[K] };

const found = (change: Change): string[] => {
	const evidence = structuredClone(sound());
	change(evidence);
	return checkSession(evidence).map(({ kind, where, what }) => `${kind}: ${where}, ${what}`);
};

const rows = (evidence: SessionEvidence) => evidence.rows as Writable<SessionEvidence>['rows'];
const seen = (evidence: SessionEvidence) => {
	const [viewer] = evidence.viewers;
	if (!viewer) throw new Error('there is one');
	return viewer.seen as Writable<typeof viewer>['seen'];
};

describe('checkSession', () => {
	it('finds nothing where all is well, marked rows included', () => {
		expect(found(() => undefined)).toEqual([]);
	});

	it.each<[string, Change, string[]]>([
		[
			'a record that never came in',
			(it) => {
				rows(it).pop();
				seen(it).pop();
				(it.viewers as unknown[]).pop();
			},
			['lost: database, n 3']
		],
		[
			'a hole in the log',
			(it) => rows(it).splice(1, 1),
			['lost: database, seq 2', 'lost: database, n 1']
		],
		[
			'a record that was stored twice',
			(it) => {
				rows(it).push({ seq: 5, n: 3, originalHash: 'c', shownHash: 'c' });
				seen(it).push({ seq: 5, hash: 'c' });
				(it.viewers as unknown[]).pop();
			},
			['twice: database, n 3']
		],
		[
			'two rows with one number',
			(it) => rows(it).push({ seq: 4, n: null, originalHash: 'x', shownHash: 'c' }),
			['twice: database, seq 4']
		],
		[
			'records that changed places',
			(it) => {
				const [, first, second] = rows(it);
				if (first && second) [first.n, second.n] = [second.n, first.n];
			},
			['out of order: database, n 1', 'changed: database, n 2', 'changed: database, n 1']
		],
		[
			'a payload that is another',
			(it) => {
				const row = rows(it)[1];
				if (row) row.originalHash = 'b';
			},
			['changed: database, n 1']
		],
		[
			'a record that no runner wrote',
			(it) => (it.truth as unknown[]).pop(),
			['invented: database, n 3']
		],
		[
			'an outbox with a hole',
			(it) => (it.truth as unknown[]).splice(1, 1),
			['lost: outbox, outbox record 2']
		]
	])('sees %s in the database', (_, change, expected) => {
		expect(found(change)).toEqual(expect.arrayContaining(expected));
	});

	it.each<[string, Change, string[]]>([
		['a lost event', (it) => seen(it).splice(2, 1), ['lost: from the start, seq 3']],
		['a lost end', (it) => seen(it).pop(), ['lost: from the start, seq 4']],
		[
			'an event that came twice',
			(it) => seen(it).push({ seq: 4, hash: 'c' }),
			['twice: from the start, seq 4']
		],
		[
			'events that changed places',
			(it) => seen(it).splice(1, 2, { seq: 3, hash: 'b without its NUL' }, { seq: 2, hash: 'a' }),
			['out of order: from the start, seq 2']
		],
		[
			'an event that is another',
			(it) => seen(it).splice(1, 1, { seq: 2, hash: 'z' }),
			['changed: from the start, seq 2']
		],
		[
			'an event that the log does not have',
			(it) => seen(it).push({ seq: 5, hash: 'z' }),
			['invented: from the start, seq 5']
		]
	])('sees %s at a viewer', (_, change, expected) => {
		expect(found(change)).toEqual(expected);
	});

	it.each<[string, object, string[]]>([
		['whole and at the head', {}, []],
		['that stopped before it', { head: 2 }, ['lost: page, seq 3', 'lost: page, seq 4']],
		['with another content', { hash: 'z' }, ['changed: page, the window from 2 to 4']]
	])('looks at a page %s', (_, change, expected) => {
		const page = { name: 'page', first: 2, head: 4, hash: 'h', dueHash: 'h', ...change };
		expect(found((it) => (it.pages as unknown[]).push(page))).toEqual(expected);
	});

	it('counts by kind', () => {
		const broken = structuredClone(sound());
		seen(broken).splice(1, 2);
		expect(countViolations(checkSession(broken))).toEqual({
			lost: 2,
			twice: 0,
			'out of order': 0,
			changed: 0,
			invented: 0
		});
	});
});
