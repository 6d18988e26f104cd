/** A fork begins with another session's conversation up to a turn, and is a conversation of its own. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FORKED_CONVERSATION_FILE } from '@agent-manager/protocol/runner-frames.ts';
import { buildBundle, RunnerProcess } from '../test-support/runner-process.ts';
import { findConversation } from './conversation.ts';

let source: RunnerProcess;
let fork: RunnerProcess;

beforeAll(buildBundle);
afterEach(async () => {
	await source.dispose();
	await fork.dispose();
});

/** Three turns; the ids of the messages up to the end of the second one, newest first. */
const talk = async (): Promise<string[]> => {
	source = new RunnerProcess();
	await source.door.open();
	source.writeOptions();
	source.start();
	for (const [turn, words] of ['say apple', 'bash echo banana', 'say cherry'].entries()) {
		source.say(words);
		await source.door.record('runner.turn_ended', turn);
	}
	const { committed } = source.door;
	const ends = committed.flatMap(({ type }, at) => (type === 'runner.turn_ended' ? [at] : []));
	return committed
		.slice(0, ends[1])
		.filter(({ type }) => type === 'claude.assistant' || type === 'claude.user')
		.map(({ payload }) => String(payload.uuid))
		.reverse();
};

const begin = async (messageIds: string[]): Promise<void> => {
	fork = new RunnerProcess({
		fork: { conversationId: source.agent.conversationId, messageIds }
	});
	await fork.door.open();
	fork.writeOptions();
};

const copyConversation = (): void => {
	const path = findConversation(join(source.sessionFolder, 'claude'), source.agent.conversationId);
	copyFileSync(path ?? '', join(fork.sessionFolder, FORKED_CONVERSATION_FILE));
};

/** What the model was told when it was called. */
const heard = (call: number): string => JSON.stringify(fork.model.calls[call]?.body.messages);

// Real agents: each test starts some of them.
describe('a fork', { timeout: 120_000 }, () => {
	it('knows what was said up to its turn and nothing later, and goes on after its sandbox died', async () => {
		await begin(await talk());
		copyConversation();
		// The other agent is writing just now.
		appendFileSync(join(fork.sessionFolder, FORKED_CONVERSATION_FILE), '{"type":"user","uu');
		fork.start();
		fork.say('say date');
		expect((await fork.door.record('runner.turn_ended')).payload.outcome).toBe('completed');
		expect(heard(0)).toContain('apple');
		expect(heard(0)).toContain('banana');
		expect(heard(0)).not.toContain('cherry');
		await fork.killSandbox();
		fork.start();
		fork.say('say elder');
		await fork.door.record('runner.turn_ended', 1);
		expect(heard(1)).toContain('banana');
		expect(heard(1)).toContain('date');
		expect(heard(1)).not.toContain('cherry');
	});

	it('takes the next older message when the agent has not kept the newest', async () => {
		await begin([randomUUID(), ...(await talk())]);
		copyConversation();
		fork.start();
		fork.say('say date');
		await fork.door.record('runner.turn_ended');
		expect(heard(0)).toContain('banana');
	});

	it('begins anew without a copy', async () => {
		await begin(await talk());
		fork.start();
		fork.say('say date');
		expect((await fork.door.record('runner.turn_ended')).payload.outcome).toBe('completed');
		expect(heard(0)).not.toContain('apple');
	});
});
