import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { SearchHit } from '@agent-manager/protocol/transcript-places.ts';
import { TranscriptPlaces } from '#lib/server/sessions/transcript-places.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestLog } from '../../../../tests/support/session-rows.ts';
import { LogWriter } from '../../../../tests/support/transcript-events.ts';
import { eventBodies } from './schema.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

const store = (events: readonly SessionEvent[]): Promise<SessionId> =>
	insertTestLog(database.db, events);

/** The session's log as far as places ask it; time stands still unless a test moves it. */
const placesOf = (head: number, nowMs = () => 0): TranscriptPlaces =>
	new TranscriptPlaces(
		database.db,
		{ find: () => Promise.resolve({ position: { lastSeq: head } }) } as never,
		nowMs
	);

const search = async (
	sessionId: SessionId,
	head: number,
	q: string,
	limit = 100
): Promise<SearchHit[]> => {
	const hits: SearchHit[] = [];
	let before: number | undefined;
	do {
		const answer = await placesOf(head).search(sessionId, { q, before, limit });
		if (!answer.ok) throw new Error(answer.error.message);
		hits.push(...answer.value.hits);
		before = answer.value.searchedTo;
	} while (before > 1);
	return hits;
};

describe('search in a session', () => {
	const log = new LogWriter();
	log.created();
	log.accepted('one', 'Fix the “Größe” of 100% \\ widths\nand say "done"');
	log.turnStarted('one');
	log.accepted('two', 'And the needle in the queue');
	log.calls('m1', 't1', 'Bash', { command: 'grep -rn needle_in src' });
	log.result('t1', 'src/hay.ts:1: \u001b[31mNeedle\u001b[0m of tea');
	log.text('m2', 'The type of text is content.');
	log.turnEnded('one');
	log.turnStarted('two');
	const head = log.events.length;
	let sessionId: SessionId;
	beforeAll(async () => {
		sessionId = await store(log.events);
	});

	it('finds words wherever a reader sees them, newest first, and a prompt where its turn begins', async () => {
		const hits = await search(sessionId, head, 'NEEDLE');
		expect(hits.map(({ kind }) => kind)).toEqual(['result', 'call', 'prompt']);
		expect(hits.at(-1)?.seq).toBe(
			log.events.findLast(({ type }) => type === 'runner.turn_started')?.seq
		);
		for (const { excerpt, from, to } of hits) {
			expect(excerpt.slice(from, to).toLowerCase()).toBe('needle');
			expect(excerpt).not.toContain('\u001b');
		}
	});

	it.each([
		['größe', 1],
		['100% \\ widths', 1],
		['widths\nand say "done"', 1],
		['needle_in', 1],
		['needleXin', 0],
		['n%e', 0],
		['%', 1],
		['type', 1],
		['tool_use_id', 0],
		["'; drop table events; --", 0],
		['\u0000', 0],
		['(', 0]
	])('takes %j as it is written', async (query, count) => {
		expect(await search(sessionId, head, query)).toHaveLength(count);
	});

	it('goes on where it stopped, each hit once', async () => {
		const paged = await search(sessionId, head, 'needle', 1);
		expect(paged).toEqual(await search(sessionId, head, 'needle'));
	});

	it('reads the whole of what the log holds shortened', async () => {
		const big = new LogWriter();
		const short = big.text('m', 'The beginning');
		short.marks = ['oversize'];
		const id = await store(big.events);
		const whole = { ...short.payload, message: { content: [{ type: 'text', text: 'far away' }] } };
		await database.db
			.insert(eventBodies)
			.values({ sessionId: id, seq: short.seq, body: JSON.stringify(whole) });
		expect(await search(id, 1, 'far AWAY')).toMatchObject([{ seq: 1, kind: 'text' }]);
	});

	it('answers after its time with what it has, and says how far it looked', async () => {
		const long = new LogWriter();
		for (let at = 0; at < 5_000; at++) long.text(`m${at}`, at === 10 ? 'a pearl' : 'sand');
		const id = await store(long.events);
		let ms = 0;
		const slow = placesOf(5_000, () => (ms += 200));
		const answer = await slow.search(id, { q: 'pearl', limit: 10 });
		expect(answer).toMatchObject({ ok: true, value: { hits: [], searchedTo: 1_001, head: 5_000 } });
		expect(await search(id, 5_000, 'pearl')).toMatchObject([{ seq: 11 }]);
	});
});

describe('landmarks of a session', () => {
	it('are the prompts where their turns begin, and what failed', async () => {
		const log = new LogWriter();
		log.created();
		log.accepted('one', 'Fix\nit');
		const first = log.turnStarted('one');
		log.accepted('two', 'More');
		log.calls('m1', 't1', 'Bash', { command: 'false' });
		const failed = log.result('t1', 'exit 1', undefined, { isError: true });
		log.turnEnded('one');
		const second = log.turnStarted('two');
		const head = log.events.length;
		const answer = await placesOf(head).landmarks(await store(log.events));
		expect(answer).toEqual({
			ok: true,
			value: {
				head,
				landmarks: [
					{ seq: first.seq, kind: 'prompt', text: 'Fix it' },
					{ seq: failed.seq, kind: 'error', text: '' },
					{ seq: second.seq, kind: 'prompt', text: 'More' }
				]
			}
		});
	});
});
