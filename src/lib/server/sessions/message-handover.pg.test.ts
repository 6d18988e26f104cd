/** Whoever is quicker: a message that is edited or removed while it is handed over has one outcome. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { decide, type SessionCommand } from '#lib/domain/session-decisions.ts';
import { readRunnerCommands } from '#lib/server/db/sessions.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { createHub } from './hub.ts';
import { MessageHandover } from './message-handover.ts';
import { SessionLog } from './session-log.ts';

let database: TestDatabase;
let repoId: string;
beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(() => database.close());

/** A log and what hands over, as one process has them. */
const makeManager = () => {
	const failures: unknown[] = [];
	const log = new SessionLog({
		db: database.db,
		hub: createHub(),
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: () => undefined
	});
	const handover = new MessageHandover({
		db: database.db,
		log,
		newId: randomUUID,
		onFailure: (_sessionId, cause) => failures.push(cause)
	});
	const ask = (sessionId: SessionId, command: SessionCommand) =>
		log.command(sessionId, (state) => decide(state, command), {
			id: randomUUID() as CommandId,
			requestHash: command.type
		});
	return { log, handover, ask, failures };
};

const textsOf = async (sessionId: SessionId): Promise<string[]> => {
	const isMessage = (command: RunnerCommand) => command.type === 'message';
	const told = await readRunnerCommands(database.db, sessionId, 0);
	return told.flatMap(({ command }) => (isMessage(command) ? [command.text] : []));
};

/** A session in a turn with one message in its queue. */
const withQueued = async (text: string) => {
	const sessionId = await insertTestSession(database.db, repoId, {
		status: 'running',
		waitingFor: null,
		runnerUp: true,
		openTurn: 'm0'
	});
	const { ask } = makeManager();
	const messageId = randomUUID();
	await ask(sessionId, { type: 'message', commandId: messageId, text, from: 'person' });
	return { sessionId, messageId };
};

/** The turn is over: from now on the message is due. */
const endTurn = ({ log }: ReturnType<typeof makeManager>, sessionId: SessionId) =>
	log.ingest(sessionId, 1, [
		{
			n: 1,
			ts: new Date().toISOString(),
			source: 'runner',
			type: 'runner.turn_ended',
			payload: { commandId: 'm0', outcome: 'completed' }
		}
	]);

describe('a message that is handed over', () => {
	it('is the whole of a long one, too', async () => {
		const text = 'ü'.repeat(400_000);
		const { sessionId } = await withQueued(text);
		const manager = makeManager();
		await endTurn(manager, sessionId);
		manager.handover.look(sessionId);
		await manager.handover.idle();
		expect(await textsOf(sessionId)).toEqual([text]);
	});

	it('has one outcome, in one process or in two, whatever is asked meanwhile', async () => {
		const counts = new Map<string, number>();
		for (let round = 0; round < 60; round++) {
			const { sessionId, messageId } = await withQueued('first');
			const one = makeManager();
			const two = round % 2 === 0 ? one : makeManager();
			await Promise.all([one.log.find(sessionId), two.log.find(sessionId)]);
			await endTurn(one, sessionId);
			const command: SessionCommand =
				round % 4 < 2
					? { type: 'edit', messageId, text: 'second' }
					: { type: 'remove', commandId: randomUUID(), messageId };
			const late = round % 3 === 0;
			if (!late) one.handover.look(sessionId);
			const asked = two.ask(sessionId, command);
			if (late) one.handover.look(sessionId);
			const answer = await asked;
			one.handover.look(sessionId);
			await one.handover.idle();
			expect(one.failures).toEqual([]);
			const texts = await textsOf(sessionId);
			const taken = command.type === 'edit' ? ['second'] : [];
			expect(texts, `round ${round}`).toEqual(answer.ok ? taken : ['first']);
			if (!answer.ok) expect(answer.error.code).toBe('message_not_queued');
			const what = `${command.type} ${answer.ok ? 'in time' : 'too late'}`;
			counts.set(what, (counts.get(what) ?? 0) + 1);
		}
		expect([...counts.keys()].sort(), 'both were quicker at times').toEqual([
			'edit in time',
			'edit too late',
			'remove in time',
			'remove too late'
		]);
	});
});
