import { afterAll, beforeAll, expect, it } from 'vitest';
import { sessionEventSchema } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { eventBodies, events as table } from '#lib/server/db/schema.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { exportEvents } from './event-export.ts';

let database: TestDatabase;
let sessionId: SessionId;
const COUNT = 1234;
const WHOLE = { text: 'long "and" whole' };

beforeAll(async () => {
	database = await testDatabase();
	sessionId = await insertTestSession(database.db, await insertTestRepo(database.db));
	const rows = Array.from({ length: COUNT }, (_, index) => ({
		...{
			sessionId,
			seq: index + 1,
			ts: new Date(index),
			source: 'claude' as const,
			type: 'claude.x'
		},
		payload: { line: `a\n${index}` }
	}));
	await database.db.insert(table).values(rows);
	await database.db
		.insert(table)
		.values({ ...rows[0]!, seq: COUNT + 1, payload: { oversize: true }, marks: ['oversize'] });
	await database.db
		.insert(eventBodies)
		.values({ sessionId, seq: COUNT + 1, body: JSON.stringify(WHOLE) });
});
afterAll(() => database.close());

it('has every event once, in order, one a line, shortened ones whole', async () => {
	const lines: string[] = [];
	for await (const line of exportEvents(database.db, sessionId, COUNT + 1)) lines.push(line);
	expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
	const events = lines.map((line) => sessionEventSchema.parse(JSON.parse(line)));
	expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: COUNT + 1 }, (_, i) => i + 1));
	expect(events[7]?.payload).toEqual({ line: 'a\n7' });
	expect(events.at(-1)).toMatchObject({ payload: WHOLE, marks: ['oversize'] });
});

it('ends at the head that it began with, and fails when the log goes away under it', async () => {
	const lines: string[] = [];
	for await (const line of exportEvents(database.db, sessionId, 10)) lines.push(line);
	expect(lines).toHaveLength(10);
	const beyond = exportEvents(database.db, sessionId, COUNT + 2);
	await expect(
		(async () => {
			for await (const _ of beyond);
		})()
	).rejects.toThrow('purged');
});

it('reads no further than it is taken', async () => {
	let reads = 0;
	const counting = new Proxy(database.db, {
		get: (target, key, receiver) => {
			if (key === 'execute') reads += 1;
			return Reflect.get(target, key, receiver) as unknown;
		}
	});
	const lines = exportEvents(counting, sessionId, COUNT);
	for (let taken = 0; taken < 60; taken++) await lines.next();
	expect(reads).toBe(2);
	await lines.return(undefined);
	expect(reads).toBe(2);
});
