/** What a log says of the moment before a prompt. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { SetAside } from '@agent-manager/protocol/rewind.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { LogWriter } from '../../../../tests/support/transcript-events.ts';
import { readMessagesBefore, readRewindPoint } from './rewind-point.ts';
import { events as table } from './schema.ts';

const BEGAN = 'b'.repeat(40);
const commitOf = (name: string): string => name.charCodeAt(0).toString(16).padStart(40, '0');

const log = new LogWriter();
log.created();
log.manager('worktree.created', { baseCommit: BEGAN, baseAgeSeconds: null });
/** A turn with one answer; the files are kept after it unless the runner died. */
const turn = (name: string, isKept = true): { begun: number; said: string } => {
	log.accepted(name, `Do ${name}`);
	const begun = log.turnStarted(name).seq;
	const said = String(log.text(`m-${name}`, `Did ${name}.`).payload.uuid);
	log.turnEnded(name);
	if (isKept)
		log.runner('runner.checkpointed', { commit: commitOf(name), leftOut: 0, durationMs: 5 });
	return { begun, said };
};
const one = turn('1');
const two = turn('2', false);
const three = turn('3');
const rewoundAt = log.manager('session.rewound', {
	...{ commandId: 'r', atSeq: two.begun, conversationId: randomUUID(), messageIds: [] },
	filesChanged: 1
}).seq;
const setAside: SetAside[] = [{ from: two.begun, to: rewoundAt }];
const four = turn('4');
const own = log.turnStarted('by itself').seq;

let database: TestDatabase;
const id = randomUUID() as SessionId;
beforeAll(async () => {
	database = await testDatabase();
	await database.db
		.insert(table)
		.values(log.events.map((event) => ({ ...event, sessionId: id, ts: new Date(event.ts) })));
});
afterAll(() => database.close());

describe('the moment before a prompt', () => {
	it.each<[string, number, string | null, number]>([
		['the first one: what the worktree was made from', one.begun, BEGAN, 5],
		['the second: as kept after the first', two.begun, commitOf('1'), 4],
		['one before which the runner died: not kept', three.begun, null, 3],
		['one after files were put back, and not kept since', four.begun, null, 2]
	])('%s', async (_name, atSeq, commit, turns) => {
		const point = await readRewindPoint(database.db, id, atSeq, [], BEGAN);
		expect([point?.kept?.commit ?? null, point?.turns]).toEqual([commit, turns]);
	});

	it('counts no turn that is set aside already', async () => {
		const point = await readRewindPoint(database.db, id, one.begun, setAside, BEGAN);
		expect(point?.turns).toBe(3);
	});

	it.each([
		['no turn begins there', one.begun + 1],
		['the agent began it by itself', own],
		['there is no such event', 10_000]
	])('is none where %s', async (_name, atSeq) => {
		expect(await readRewindPoint(database.db, id, atSeq, [], BEGAN)).toBeNull();
	});

	it('has the last words of the conversation, and none that were set aside by then', async () => {
		const before = (atSeq: number) => readMessagesBefore(database.db, id, atSeq, setAside);
		expect(await before(one.begun)).toEqual([]);
		expect(await before(three.begun)).toEqual([two.said, one.said]);
		expect(await before(own)).toEqual([four.said, one.said]);
	});
});
