import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { decide, type SessionCommand } from '#lib/domain/session-decisions.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import {
	countSessions,
	findSession,
	insertSession,
	listSessions,
	readRunnerCommands
} from '#lib/server/db/sessions.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { createHub } from './hub.ts';
import { SessionLog } from './session-log.ts';

let database: TestDatabase;
let sessionId: SessionId;
let repoId: string;

const newLog = () =>
	new SessionLog({
		db: database.db,
		hub: createHub(),
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: () => {}
	});

const record = (n: number, payload: Record<string, unknown> = { n }): OutboxRecord => ({
	n,
	ts: '2026-01-02T03:04:05.000Z',
	source: 'claude',
	type: 'claude.user',
	payload
});
const records = (from: number, to: number) =>
	Array.from({ length: to - from + 1 }, (_, index) => record(from + index));

beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(() => database.close());

beforeEach(async () => {
	sessionId = await insertTestSession(database.db, repoId, { runnerUp: true });
});

const storedNumbers = async () =>
	(await readForward(database.db, sessionId, 0, 10_000)).map(({ seq, payload }) => [
		seq,
		payload.n
	]);

describe('ingest', () => {
	it('stores each record once and in order, whatever is sent again', async () => {
		const log = newLog();
		expect(await log.ingest(sessionId, 1, records(1, 5))).toEqual({ ackedN: 5 });
		expect(await log.ingest(sessionId, 1, records(3, 8))).toEqual({ ackedN: 8 });
		expect(await log.ingest(sessionId, 1, records(1, 8))).toEqual({ ackedN: 8 });
		expect(await storedNumbers()).toEqual(records(1, 8).map(({ n }) => [n, n]));
	});

	it('asks for what is missing and stores nothing of what has a hole', async () => {
		const log = newLog();
		await log.ingest(sessionId, 1, records(1, 2));
		expect(await log.ingest(sessionId, 1, records(4, 5))).toEqual({ expectedN: 3 });
		expect(await log.ingest(sessionId, 1, [record(3), record(5)])).toEqual({ expectedN: 3 });
		expect(await storedNumbers()).toHaveLength(2);
	});

	it('fences off a runner of another epoch', async () => {
		const log = newLog();
		expect(await log.ingest(sessionId, 2, records(1, 1))).toEqual({ fenced: true });
		expect(await log.ingest(randomUUID() as SessionId, 1, records(1, 1))).toEqual({ fenced: true });
	});

	it('survives two writers that each believe to be alone', async () => {
		const [one, two] = [newLog(), newLog()];
		await Promise.all([one.find(sessionId), two.find(sessionId)]);
		await one.ingest(sessionId, 1, records(1, 3));
		expect(await two.ingest(sessionId, 1, records(1, 6))).toEqual({ ackedN: 6 });
		expect(await one.ingest(sessionId, 1, records(8, 8))).toEqual({ expectedN: 4 });
		expect(await one.ingest(sessionId, 1, records(4, 6))).toEqual({ ackedN: 6 });
		expect(await storedNumbers()).toEqual(records(1, 6).map(({ n }) => [n, n]));
	});

	it('keeps what PostgreSQL can’t hold, marked, and the log goes on', async () => {
		const log = newLog();
		let deep: unknown = 'bottom';
		for (let i = 0; i < 20_000; i++) deep = { deep };
		const hostile = [
			record(1, { text: 'a\u0000b' }),
			record(2, { text: 'lone \ud800 half' }),
			record(3, { deep }),
			record(4, { text: 'x'.repeat(400_000) }),
			record(5, { text: 'fine \\u0000 😀' })
		];
		expect(await log.ingest(sessionId, 1, hostile)).toEqual({ ackedN: 5 });
		const events = await readForward(database.db, sessionId, 0, 10);
		expect(events.map(({ marks }) => marks)).toEqual([
			['nul'],
			['surrogate'],
			['deep'],
			['oversize'],
			undefined
		]);
		expect(events[4]?.payload).toEqual({ text: 'fine \\u0000 😀' });
		const bodies = await database.db.execute<{ seq: string; body: string }>(
			sql`select seq, body from event_bodies where session_id = ${sessionId} order by seq`
		);
		expect(bodies.rows.map(({ seq }) => Number(seq))).toEqual([1, 2, 3, 4]);
		expect(JSON.parse(bodies.rows[0]?.body ?? '')).toEqual({ text: 'a\u0000b' });
		expect(bodies.rows[2]?.body).toHaveLength(
			JSON.stringify('bottom').length + 20_000 * '{"deep":}'.length + '{"deep":}'.length
		);
	});
});

describe('command', () => {
	const send = (log: SessionLog, id: string, text: string) =>
		log.command(
			sessionId,
			(state) => decide(state, { type: 'message', commandId: id, text, from: 'person' }),
			{ id: id as CommandId, requestHash: text }
		);

	it('has one effect and one answer for one key, however often it comes', async () => {
		const log = newLog();
		const id = randomUUID();
		const answers = await Promise.all(Array.from({ length: 50 }, () => send(log, id, 'hello')));
		expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
		expect(answers[0]?.ok).toBe(true);
		expect(await storedNumbers(), 'accepted, and handed over').toHaveLength(2);
		expect(await readRunnerCommands(database.db, sessionId, 0)).toHaveLength(1);
	});

	it('answers a new manager’s repeat with the first answer', async () => {
		const id = randomUUID();
		const first = await send(newLog(), id, 'hello');
		expect(await send(newLog(), id, 'hello')).toEqual(first);
	});

	it('refuses the key for another body', async () => {
		const log = newLog();
		const id = randomUUID();
		await send(log, id, 'hello');
		const second = await send(log, id, 'other');
		expect(second).toMatchObject({ ok: false, error: { code: 'idempotency_conflict' } });
	});

	it('numbers commands in the order of ten senders at once', async () => {
		const log = newLog();
		sessionId = await insertTestSession(database.db, repoId, { openTurn: 'm0', runnerUp: true });
		const interrupt = (id: string) =>
			log.command(sessionId, (state) => decide(state, { type: 'interrupt', commandId: id }), {
				id: id as CommandId,
				requestHash: 'interrupt'
			});
		await Promise.all(Array.from({ length: 10 }, () => interrupt(randomUUID())));
		const commands = await readRunnerCommands(database.db, sessionId, 0);
		expect(commands.map(({ num }) => num)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
	});

	it('keeps messages that the agent can’t take yet in the order they came', async () => {
		const log = newLog();
		const ids = Array.from({ length: 10 }, () => randomUUID());
		await Promise.all(ids.map((id) => send(log, id, id)));
		expect(await readRunnerCommands(database.db, sessionId, 0)).toHaveLength(1);
		const row = await findSession(database.db, sessionId);
		expect(row?.state.queued.map(({ commandId }) => commandId)).toEqual(ids);
	});
});

describe('memory', () => {
	it('lets go of sessions at rest, never of live ones, and finds them again', async () => {
		const log = newLog();
		const [template] = await Promise.all([findSession(database.db, sessionId)]);
		if (!template) throw new Error('no session');
		const ids = Array.from({ length: 260 }, () => randomUUID() as SessionId);
		for (const id of ids) {
			await insertSession(database.db, {
				...template,
				id,
				branchName: `agent/${id}`,
				status: 'stopped',
				state: { ...template.state, status: 'stopped' }
			});
		}
		await log.ingest(sessionId, 1, records(1, 3));
		for (const id of ids) await log.ingest(id, 1, records(1, 1));
		await log.find(ids.at(-1) as SessionId);
		await new Promise((resolve) => setImmediate(resolve));
		expect(log.head(sessionId)).toBe(3);
		expect(log.head(ids.at(-1) as SessionId)).toBe(1);
		const kept = ids.filter((id) => log.head(id) > 0);
		expect(kept.length).toBeLessThan(210);
		expect(await log.ingest(ids[0] as SessionId, 1, records(2, 2))).toEqual({ ackedN: 2 });
	});
});

describe('readAfter', () => {
	it('gives the same from memory and from the database', async () => {
		const log = newLog();
		await log.ingest(sessionId, 1, records(1, 30));
		const fromMemory = await log.readAfter(sessionId, 10, 15);
		const fromDatabase = await newLog().readAfter(sessionId, 10, 15);
		expect(fromMemory.map(({ seq }) => seq)).toEqual(fromDatabase.map(({ seq }) => seq));
		expect(fromMemory.map(({ json }) => JSON.parse(json) as unknown)).toEqual(
			fromDatabase.map(({ json }) => JSON.parse(json) as unknown)
		);
	});
});

describe('marks', () => {
	const mark = (log: SessionLog, command: SessionCommand) =>
		log.command(sessionId, (state) => decide(state, command), {
			id: randomUUID() as CommandId,
			requestHash: command.type
		});

	it('are in the log and in columns, are found by them, and leave the age alone', async () => {
		sessionId = await insertTestSession(database.db, repoId, {
			status: 'stopped',
			desired: 'stopped',
			waitingFor: null
		});
		const before = await findSession(database.db, sessionId);
		const log = newLog();
		await mark(log, { type: 'rename', title: 'Named' });
		await mark(log, { type: 'pin' });
		await mark(log, { type: 'archive', by: 'person' });
		const row = await findSession(database.db, sessionId);
		expect(row).toMatchObject({ title: 'Named', lastSeq: 3, updatedAt: before?.updatedAt });
		expect(row?.pinnedAt).not.toBeNull();
		const filter = { repoId: repoId as RepoId };
		const listed = async (archived: boolean) =>
			(await listSessions(database.db, { ...filter, archived })).map(({ id }) => id);
		expect(await listed(true)).toEqual([sessionId]);
		expect(await listed(false)).not.toContain(sessionId);
		expect((await countSessions(database.db)).get(repoId)).toMatchObject({ archived: 1 });
		await mark(log, { type: 'resume' });
		expect(await listed(true)).toEqual([]);
		expect((await listed(false))[0], 'pinned stands first').toBe(sessionId);
	});

	it('are not set on a row that was written before there were any', async () => {
		await database.db.execute(
			sql`update sessions set state = state - 'title' - 'pinnedAt' - 'archivedAt' where id = ${sessionId}`
		);
		const cell = await newLog().find(sessionId);
		expect(cell?.state).toMatchObject({ title: null, pinnedAt: null, archivedAt: null });
		await mark(newLog(), { type: 'pin' });
		expect((await findSession(database.db, sessionId))?.title, 'the first title').toBe('t');
	});
});
