import { beforeEach, describe, expect, it } from 'vitest';
import type { EventPage } from '@agent-manager/protocol/responses.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { ok } from '#lib/domain/result.ts';
import { sampleEvents } from '../../../tests/support/sample-session.ts';
import { ReadingWindow } from './reading-window.svelte.ts';

const HEAD = 5_000;
const log = sampleEvents(1, HEAD);

/** A live end that has the log's last hundred events, and a server that has all. */
let live: { events: SessionEvent[] } & ConstructorParameters<typeof ReadingWindow>[0];
let asked: string[];

beforeEach(() => {
	asked = [];
	live = {
		id: 's',
		events: log.slice(-100),
		carry: null,
		hasOlder: true,
		loadOlder: () => Promise.resolve(),
		join: (older) => {
			const first = live.events[0]?.seq ?? 0;
			live.events = [...older.filter(({ seq }) => seq < first), ...live.events];
			return true;
		}
	};
});

const serve = (path: string) => {
	asked.push(path);
	const query = new URL(path, 'http://x').searchParams;
	const limit = Number(query.get('limit'));
	const after = query.get('after');
	const before = Math.min(Number(query.get('before') ?? HEAD + 1), HEAD + 1);
	const events =
		after === null
			? log.slice(Math.max(0, before - 1 - limit), before - 1)
			: log.slice(Number(after), Number(after) + limit);
	const page: EventPage = { events, carry: null, head: HEAD, hasMore: true };
	return Promise.resolve(ok(page));
};
const open = (): ReadingWindow => new ReadingWindow(live, serve);
const span = (window: ReadingWindow): (number | undefined)[] => [
	window.events[0]?.seq,
	window.events.at(-1)?.seq
];

describe('the part of the log that is shown', () => {
	it('is the live end, and asks for nothing to go to what that has', async () => {
		const window = open();
		expect(await window.goTo(HEAD - 50)).toEqual(ok(null));
		expect(window.atEnd).toBe(true);
		expect(asked).toEqual([]);
	});

	it('goes to an event with one page around it, and stays contiguous both ways', async () => {
		const window = open();
		await window.goTo(1_000);
		expect(span(window)).toEqual([901, 1_100]);
		expect(asked).toHaveLength(1);
		await window.loadNewer();
		await window.loadOlder();
		expect(span(window)).toEqual([701, 1_300]);
		expect(window.events.every(({ seq }, at) => seq === 701 + at)).toBe(true);
		expect(window.atEnd).toBe(false);
	});

	it('becomes one with the live end where they meet', async () => {
		const window = open();
		await window.goTo(4_700);
		expect(window.atEnd).toBe(false);
		await window.loadNewer();
		expect(window.atEnd).toBe(true);
		expect(span(window)).toEqual([4_601, HEAD]);
		expect(window.events).toHaveLength(400);
	});

	it('waits for a live end that is not there yet', async () => {
		live.events = [];
		const window = open();
		await window.goTo(4_950);
		expect(window.atEnd).toBe(false);
		live.events = log.slice(-100);
		window.meet();
		expect(window.atEnd).toBe(true);
		expect(span(window)).toEqual([4_801, HEAD]);
	});

	it('refuses an event that the log does not have', async () => {
		const window = open();
		expect(await window.goTo(HEAD + 7)).toEqual({ ok: false, error: null });
		expect(window.atEnd).toBe(true);
	});

	it('lets go of what is far behind', async () => {
		live.events = sampleEvents(20_000, 20_100);
		const window = new ReadingWindow(live, (path) => {
			const after = Number(new URL(path, 'http://x').searchParams.get('after') ?? 0);
			const page: EventPage = {
				events: sampleEvents(after + 1, after + 1_000),
				carry: null,
				head: 20_100,
				hasMore: true
			};
			return Promise.resolve(ok(page));
		});
		await window.goTo(500);
		for (let page = 0; page < 12; page++) await window.loadNewer();
		expect(window.events.length).toBeLessThanOrEqual(10_000);
		expect(window.events.at(-1)?.seq).toBe(13_000);
		expect(window.carry).not.toBeNull();
	});
});
