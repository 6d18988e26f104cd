import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { CommandLog } from './command-log.ts';

let path = '';
beforeEach(() => {
	path = join(mkdtempSync(join(tmpdir(), 'commands-')), 'commands.log');
});
afterEach(() => rmSync(join(path, '..'), { recursive: true, force: true }));

const message = (commandId: string): RunnerCommand => ({ type: 'message', commandId, text: 'hi' });

const reopen = async (log: CommandLog, lastN = 1000): Promise<CommandLog> => {
	await log.close();
	return CommandLog.open(path, lastN);
};

describe('command log', () => {
	it('knows after a restart what was taken and what is done', async () => {
		const log = await CommandLog.open(path, 0);
		expect(log.found).toEqual({ lastCommand: 0, open: [], turns: [], steered: [], requests: [] });
		await log.take(1, message('a'));
		await log.take(2, message('b'));
		await log.take(3, { type: 'finish', commandId: 'c' });
		log.note({ step: 'done', num: 1 });
		let again = await reopen(log);
		expect(again.lastCommand).toBe(3);
		expect(again.found.open.map(({ num }) => num)).toEqual([2, 3]);
		again.note({ step: 'done', num: 2 });
		again.note({ step: 'done', num: 3 });
		again = await reopen(again);
		expect(again.found).toMatchObject({ lastCommand: 3, open: [] });
		await again.close();
	});

	it('keeps the trace of a turn until its end is in the outbox', async () => {
		const log = await CommandLog.open(path, 0);
		log.note({ step: 'turn_started', commandId: 'a', n: 5 });
		log.note({ step: 'turn_seen', commandId: 'a' });
		let again = await reopen(log, 5);
		expect(again.found.turns).toEqual([{ commandId: 'a', startedN: 5, seen: true, ended: null }]);
		again.note({ step: 'turn_ended', commandId: 'a', n: 9, outcome: 'failed' });
		again = await reopen(again, 8);
		expect(again.found.turns[0]?.ended).toEqual({ n: 9, outcome: 'failed' });
		again = await reopen(again, 9);
		again = await reopen(again, 9);
		expect(again.found.turns).toEqual([]);
		await again.close();
	});

	it('keeps the trace of a request until its end is in the outbox', async () => {
		const log = await CommandLog.open(path, 0);
		log.note({ step: 'asked', requestId: 'r', n: 3 });
		let again = await reopen(log, 3);
		expect(again.found.requests).toEqual([{ requestId: 'r', askedN: 3, resolved: null }]);
		again.note({ step: 'resolved', requestId: 'r', n: 4, outcome: 'allowed' });
		again = await reopen(again, 4);
		again = await reopen(again, 4);
		expect(again.found.requests).toEqual([]);
		await again.close();
	});

	it('survives a torn tail', async () => {
		const log = await CommandLog.open(path, 0);
		await log.take(1, message('a'));
		await log.close();
		appendFileSync(path, Buffer.from([40, 0, 0, 0, 1, 2]));
		const again = await CommandLog.open(path, 0);
		await again.take(2, message('b'));
		const last = await reopen(again);
		expect(last.found.open.map(({ num }) => num)).toEqual([1, 2]);
		await last.close();
	});

	it('does not grow over restarts', async () => {
		let log = await CommandLog.open(path, 0);
		for (let num = 1; num <= 50; num += 1) {
			await log.take(num, message(`c${num}`));
			log.note({ step: 'done', num });
		}
		log = await reopen(log);
		await log.close();
		expect(statSync(path).size).toBeLessThan(100);
	});
});
