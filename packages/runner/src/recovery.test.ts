import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { CommandLog } from './command-log.ts';
import { Outbox } from './outbox.ts';
import { recover, type Recovery } from './recovery.ts';
import { RunnerRecords } from './runner-records.ts';

const CONVERSATION = '7b0c1e0e-8a53-4a0e-9a53-0a3f8a8f0c11';
const message = (commandId: string): RunnerCommand => ({ type: 'message', commandId, text: 'hi' });

let folder = '';
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'recovery-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const writeConversation = (...lines: object[]): void => {
	const project = join(folder, 'claude', 'projects', '-worktree');
	mkdirSync(project, { recursive: true });
	const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
	writeFileSync(join(project, `${CONVERSATION}.jsonl`), text);
};

/** Leaves a log as an earlier runner did, with `lastN` records, and recovers from it. */
const recoverFrom = async (
	lastN: number,
	leave: (log: CommandLog) => Promise<void> | void
): Promise<{ said: [string, Record<string, unknown>][]; recovery: Recovery }> => {
	const path = join(folder, 'commands.log');
	const earlier = await CommandLog.open(path, lastN);
	await leave(earlier);
	await earlier.close();
	const commandLog = await CommandLog.open(path, lastN);
	const outbox = await Outbox.open(join(folder, 'outbox'), {
		log: () => undefined,
		now: () => new Date(0),
		delay: () => Promise.resolve()
	});
	const recovery = await recover({
		commandLog,
		records: new RunnerRecords(outbox),
		lastN,
		configFolder: join(folder, 'claude'),
		conversationId: CONVERSATION,
		log: () => undefined
	});
	await outbox.whenDurable(outbox.lastN);
	const entries = await outbox.read(1, 100, 1_000_000);
	await outbox.close();
	await commandLog.close();
	const said = entries.map(({ json }): [string, Record<string, unknown>] => {
		const record = JSON.parse(json.toString()) as {
			type: string;
			payload: Record<string, unknown>;
		};
		return [record.type, record.payload];
	});
	return { said, recovery };
};

describe('a steered message', () => {
	const steer: RunnerCommand = { type: 'message', commandId: 's', text: 'hi', steer: true };
	const attachment = (uuid: string) => ({
		type: 'attachment',
		attachment: { type: 'queued_command', source_uuid: uuid }
	});

	it('was taken when it stands in the turn’s conversation, and is told', async () => {
		writeConversation(attachment('s'));
		const { said, recovery } = await recoverFrom(1, (log) => log.take(1, steer));
		expect(said).toEqual([['runner.message_steered', { commandId: 's' }]]);
		expect(recovery.todo).toEqual([]);
	});

	it('is a message of its own when it is in no turn', async () => {
		writeConversation(attachment('other'));
		const { said, recovery } = await recoverFrom(1, (log) => log.take(1, steer));
		expect(said).toEqual([]);
		expect(recovery.todo).toEqual([{ num: 1, command: steer, announced: false }]);
	});

	it('is told once, also when only its record was lost', async () => {
		writeConversation(attachment('s'));
		const leave =
			(done: boolean) =>
			async (log: CommandLog): Promise<void> => {
				await log.take(1, steer);
				log.note({ step: 'steered', commandId: 's', n: 3 });
				if (done) log.note({ step: 'done', num: 1 });
			};
		expect((await recoverFrom(3, leave(false))).said).toEqual([]);
		rmSync(join(folder, 'commands.log'));
		const lost = await recoverFrom(2, leave(true));
		expect(lost.said).toEqual([['runner.message_steered', { commandId: 's' }]]);
	});
});

describe('recovery', () => {
	it('has nothing to say after a clean end', async () => {
		const { said, recovery } = await recoverFrom(9, async (log) => {
			await log.take(1, message('a'));
			log.note({ step: 'turn_started', commandId: 'a', n: 2 });
			log.note({ step: 'turn_ended', commandId: 'a', n: 9, outcome: 'completed' });
			log.note({ step: 'done', num: 1 });
		});
		expect(said).toEqual([]);
		expect(recovery.todo).toEqual([]);
	});

	it('tells again what was decided when its record was lost, and withdraws what was open', async () => {
		const { said } = await recoverFrom(5, (log) => {
			log.note({ step: 'asked', requestId: 'told', n: 2 });
			log.note({ step: 'resolved', requestId: 'told', n: 4, outcome: 'denied' });
			log.note({ step: 'asked', requestId: 'lost', n: 3 });
			log.note({ step: 'resolved', requestId: 'lost', n: 6, outcome: 'allowed' });
			log.note({ step: 'asked', requestId: 'open', n: 5 });
			log.note({ step: 'asked', requestId: 'never told', n: 7 });
		});
		expect(said).toEqual([
			['runner.approval_resolved', { requestId: 'lost', outcome: 'allowed' }],
			['runner.approval_resolved', { requestId: 'open', outcome: 'withdrawn' }]
		]);
	});

	it('tells the end of a turn again when its record was lost', async () => {
		const { said } = await recoverFrom(3, async (log) => {
			await log.take(1, message('a'));
			log.note({ step: 'turn_started', commandId: 'a', n: 3 });
			log.note({ step: 'turn_ended', commandId: 'a', n: 4, outcome: 'completed' });
			log.note({ step: 'done', num: 1 });
		});
		expect(said).toEqual([['runner.turn_ended', { commandId: 'a', outcome: 'completed' }]]);
	});

	it('closes a turn that the agent began by itself', async () => {
		const { said } = await recoverFrom(3, (log) => {
			log.note({ step: 'turn_started', commandId: 'own', n: 3 });
			log.note({ step: 'turn_seen', commandId: 'own' });
		});
		expect(said).toEqual([['runner.turn_ended', { commandId: 'own', outcome: 'unknown' }]]);
	});

	it('does not deliver twice what the conversation has, even if nothing else tells of it', async () => {
		writeConversation({ type: 'queue-operation' }, { type: 'user', uuid: 'a' });
		const { said, recovery } = await recoverFrom(1, (log) => log.take(1, message('a')));
		expect(recovery.todo).toEqual([]);
		expect(said).toEqual([
			['runner.turn_started', { commandId: 'a' }],
			['runner.turn_ended', { commandId: 'a', outcome: 'unknown' }]
		]);
	});

	it.each([
		['is not there', null],
		['has other messages', { type: 'user', uuid: 'other' }],
		['names it elsewhere only', { type: 'api-request', uuid: 'a', note: 'a' }]
	])('delivers what was pushed but not seen, when the conversation %s', async (_name, line) => {
		if (line) writeConversation(line);
		const { said, recovery } = await recoverFrom(4, async (log) => {
			await log.take(1, message('a'));
			log.note({ step: 'turn_started', commandId: 'a', n: 4 });
		});
		expect(said).toEqual([]);
		expect(recovery.todo).toEqual([{ num: 1, command: message('a'), announced: true }]);
	});

	it('says what it can not know', async () => {
		writeConversation({ type: 'user', uuid: 'other' });
		const { said, recovery } = await recoverFrom(4, async (log) => {
			await log.take(1, message('a'));
			log.note({ step: 'turn_started', commandId: 'a', n: 4 });
			log.note({ step: 'turn_seen', commandId: 'a' });
		});
		expect(said.map(([type]) => type)).toEqual([
			'runner.command_unknown_outcome',
			'runner.turn_ended'
		]);
		expect(recovery.todo).toEqual([]);
	});

	it('does what waited; interrupts, decisions and finishes were for an agent that is gone', async () => {
		const { recovery } = await recoverFrom(0, async (log) => {
			await log.take(1, message('a'));
			await log.take(2, { type: 'interrupt', commandId: 'b' });
			await log.take(3, {
				type: 'decide',
				commandId: 'c',
				requestId: 'r',
				decision: 'allow',
				message: null,
				updatedInput: null
			});
			await log.take(4, { type: 'finish', commandId: 'd' });
		});
		expect(recovery.todo.map(({ num }) => num)).toEqual([1]);
	});
});
