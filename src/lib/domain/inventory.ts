/**
 * Desired against actual: what has a row and is not there, what is there and has no row, and what
 * steps that were cut off left behind. Pure; it says what is so and how it could be mended.
 *
 * What is mended without asking can lose nothing. What could is a person's to decide.
 */
import type { Finding, FindingClass } from '@agent-manager/protocol/health.ts';
import { finding, foreign, itemsOf } from './finding.ts';
import type { Listing, Listings, Rows } from './inventory-facts.ts';
import { compareMirrors } from './inventory-mirrors.ts';
import { compareSessions } from './inventory-sessions.ts';

/** What the app keeps in its workspace. */
const ROOT_NAMES = new Set([
	'config.json',
	'instance',
	'postgres',
	'repos',
	'sandboxes',
	'saved',
	'secret',
	'sessions',
	'token',
	'worktrees'
]);

const compareRoot = ({ root, bundles }: Listings): Finding[] => [
	...itemsOf(root)
		.filter(({ name }) => !ROOT_NAMES.has(name))
		.map(({ name, sinceMs }) =>
			foreign(name, 'Nothing of the app: it is not touched and not counted.', sinceMs)
		),
	...itemsOf(bundles).map(({ name, sinceMs, isFolder }) =>
		isFolder || !name.endsWith('.bundle')
			? foreign(`saved/${name}`, 'Nothing that the app has saved.', sinceMs)
			: finding({
					class: 'kept',
					kind: 'bundle',
					name: `saved/${name}`,
					cause: 'Commits of a repo that was removed, which were on no remote.',
					sinceMs,
					repair: {
						action: 'remove_bundle',
						label: 'Delete the file',
						consequence: 'These commits are then nowhere, unless you have fetched them.',
						safe: false
					}
				})
	)
];

const compareEvents = ({ events }: Listings, { sessions }: Rows): Finding[] => {
	const known = new Set(sessions.map(({ id }) => id));
	return itemsOf(events)
		.filter(({ session }) => !known.has(session))
		.map(({ session, count }) =>
			finding({
				class: 'orphan',
				kind: 'events',
				name: `events of ${session}`,
				sessionId: session,
				cause: `${count} events of a session that has no row any more.`,
				repair: {
					action: 'remove_events',
					label: 'Delete the events',
					consequence: 'This transcript can be read nowhere else.',
					safe: false
				}
			})
		);
};

/** Whether the app mends it without being asked. */
export const mendsItself = ({ repair }: Finding): boolean => repair?.safe === true;

/** Whether it waits for a person. */
export const needsPerson = (found: Finding): boolean =>
	found.problem !== null ||
	((found.class === 'ghost' || found.class === 'orphan') && !mendsItself(found));

/** Every difference, in the order of its class: what needs a person first. */
export const takeInventory = (listings: Listings, rows: Rows, nowMs: number): Finding[] => {
	const found = [
		...compareSessions(listings, rows, nowMs),
		...compareMirrors(listings, rows, nowMs),
		...compareRoot(listings),
		...compareEvents(listings, rows)
	];
	const order: FindingClass[] = ['ghost', 'orphan', 'leftover', 'kept', 'foreign'];
	return found.sort((a, b) => order.indexOf(a.class) - order.indexOf(b.class));
};

/** Listings that failed, in words. */
export const failuresOf = (listings: Listings): string[] =>
	Object.values(listings).flatMap((listing: Listing<unknown>) =>
		listing.ok ? [] : [listing.problem]
	);
