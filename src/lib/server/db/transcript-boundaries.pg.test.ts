import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionEventSchema, type SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import { blocksOf, carryOf } from '#lib/domain/transcript-state.ts';
import { foldEvents } from '#lib/domain/transcript.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestLog } from '../../../../tests/support/session-rows.ts';
import { LogWriter, writeStory } from '../../../../tests/support/transcript-events.ts';
import { isBoundary } from './schema.ts';
import { readBefore } from './transcript-boundaries.ts';

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

const store = (events: readonly SessionEvent[]): Promise<SessionId> =>
	insertTestLog(database.db, events);

const recorded = readFileSync(
	new URL('../../../../tests/fixtures/recorded-work.jsonl', import.meta.url),
	'utf8'
)
	.trimEnd()
	.split('\n')
	.map((line) => sessionEventSchema.parse(JSON.parse(line)));

/** Turns that follow on each other, messages that wait for them, an end without a result. */
const manyTurns = (): SessionEvent[] => {
	const log = new LogWriter();
	writeStory(log);
	for (const turn of ['first', 'second', 'third']) {
		log.accepted(turn, `Do the ${turn}`);
		log.accepted(`${turn}-more`, 'And then more');
		log.turnStarted(turn);
		log.calls(`m-${turn}`, `t-${turn}`, 'Write', { file_path: `${turn}.txt`, content: 'a\nb\n' });
		log.result(`t-${turn}`, 'ok', {
			...{ type: 'create', filePath: `${turn}.txt`, content: 'a\nb\n', structuredPatch: [] }
		});
		log.text(`n-${turn}`, 'Done.');
		log.resulted(1 + log.events.length / 100);
		if (turn !== 'second') log.turnEnded(turn);
		log.turnStarted(`${turn}-more`);
		log.text(`o-${turn}`, 'More.');
		if (turn === 'third')
			log.manager('session.failed', { error: { code: 'internal', message: 'x' } });
		else log.turnEnded(`${turn}-more`, 'interrupted');
	}
	return log.events;
};

/** What a reader sees of a turn: where it began, and its divider. */
const turnsOf = (blocks: Block[], first: number): Block[] =>
	blocks.filter(({ kind, seq }) => kind === 'turn' && (seq ?? 0) >= first);
const saidIn = (events: SessionEvent[], carry: TranscriptCarry | null): string[] => {
	const state = foldEvents(events, carry);
	return [...blocksOf(state), ...state.queued].flatMap((block) =>
		block.kind === 'user' ? [`${block.commandId} ${block.delivery}`] : []
	);
};

describe('a page of a transcript that begins anywhere', () => {
	it.each([
		['a written story', writeStory()],
		['many turns', manyTurns()],
		['a recorded session', recorded]
	])('folds to the tail of the whole: %s', async (_name, events) => {
		const sessionId = await store(events);
		const whole = blocksOf(foldEvents(events));
		for (let first = 2; first <= events.length; first++) {
			const carry = carryOf(foldEvents(await readBefore(database.db, sessionId, first)));
			const exact = carryOf(foldEvents(events.slice(0, first - 1)));
			expect({ first, ...carry, todos: [] }).toEqual({ first, ...exact, todos: [] });
			// Of the list of things to do only what the open turn has written is known.
			expect([[], exact.todos]).toContainEqual(carry.todos);
			const page = events.slice(first - 1);
			expect(turnsOf(blocksOf(foldEvents(page, carry)), first)).toEqual(turnsOf(whole, first));
			expect(saidIn(page, carry)).toEqual(saidIn(page, exact));
		}
	});

	it('is read through the index, however long the log is', async () => {
		const log = new LogWriter();
		log.created();
		for (let n = 0; n < 3_000; n++) log.text(`m${n}`, 'word');
		const sessionId = await store(log.events);
		await database.db.execute(sql`analyze events`);
		const plan = await database.db.execute(
			sql`explain select seq from events where session_id = ${sessionId} and seq < 3000
				and ${isBoundary} order by seq desc limit 200`
		);
		expect(JSON.stringify(plan.rows)).toContain('events_boundaries');
	});
});
