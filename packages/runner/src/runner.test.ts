/**
 * The runner as a whole: the built bundle, the real Agent SDK and Claude Code, a scripted model.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { runnerEventSchemas } from '@agent-manager/protocol/events.ts';
import { buildBundle, RunnerProcess } from '../test-support/runner-process.ts';

/** A PNG of one pixel. */
const DOT = Buffer.from(
	'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
	'base64'
);

let runner: RunnerProcess;
const start = async (options: Partial<AgentOptions> = {}): Promise<RunnerProcess> => {
	runner = new RunnerProcess(options);
	await runner.door.open();
	runner.writeOptions();
	runner.start();
	return runner;
};

beforeAll(buildBundle);
afterEach(async () => {
	const { committed } = runner.door;
	await runner.dispose();
	// Whatever the test was about: every record came once, in order, and says what its type says.
	expect(committed.map((record) => record.n)).toEqual(committed.map((_, index) => index + 1));
	for (const record of committed) {
		const schema = runnerEventSchemas[record.type as keyof typeof runnerEventSchemas];
		if (record.source === 'runner') expect(schema.safeParse(record.payload).error).toBeUndefined();
	}
});

describe('a turn', () => {
	it('streams text, and records the messages of the SDK unchanged around it', async () => {
		const { door, model } = await start({
			model: 'claude-sonnet-5',
			systemPromptAppend: 'APPENDED'
		});
		const commandId = runner.say('say hello there my friend');
		const ended = await door.record('runner.turn_ended');
		expect(ended.payload).toEqual({ commandId, outcome: 'completed' });
		expect(runner.types()).toEqual([
			'runner.started',
			'runner.turn_started',
			'claude.assistant',
			'claude.result.success',
			'runner.turn_ended'
		]);
		const said = door.framesOf('delta').flatMap(({ deltas }) => deltas);
		expect(said.map(({ text }) => text).join('')).toBe('hello there my friend');
		const assistant = await door.record('claude.assistant');
		expect(assistant.payload).toMatchObject({
			type: 'assistant',
			message: { content: [{ type: 'text', text: 'hello there my friend' }] }
		});
		const [call] = model.calls;
		expect(call?.authorization).toBe('Bearer session-token');
		expect(call?.body.model).toBe('claude-sonnet-5');
		expect(JSON.stringify(call?.body)).toContain('APPENDED');
		expect(runner.stdout).not.toContain('session-token');
	});

	it('works in the worktree, with its CLAUDE.md as text and its settings unread', async () => {
		runner = new RunnerProcess();
		const { door, model, worktree } = runner;
		writeFileSync(join(worktree, 'CLAUDE.md'), 'Always use tabs, says the repo.');
		await door.open();
		runner.writeOptions();
		runner.start();
		runner.say('bash echo made by the agent > made.txt');
		await door.record('runner.turn_ended');
		expect(readFileSync(join(worktree, 'made.txt'), 'utf8')).toBe('made by the agent\n');
		expect(runner.types().slice(2)).toEqual([
			'claude.assistant',
			'claude.user',
			'claude.assistant',
			'claude.result.success',
			'runner.turn_ended'
		]);
		expect(JSON.stringify(model.calls[0]?.body)).toContain('Always use tabs, says the repo.');
		const input = door.framesOf('delta').flatMap(({ deltas }) => deltas)[0];
		expect(input).toMatchObject({ kind: 'tool_input', tool: { name: 'Bash' } });
	});

	it('takes one message a turn and keeps the others in order', async () => {
		const { door, model } = await start();
		const ids = [runner.say('say one'), runner.say('say two'), runner.say('say three')];
		await door.record('runner.turn_ended', 2);
		const turns = door.committed.filter(({ type }) => /^runner\.turn/.test(type));
		expect(turns.map(({ type, payload }) => [type, payload.commandId])).toEqual(
			ids.flatMap((id) => [
				['runner.turn_started', id],
				['runner.turn_ended', id]
			])
		);
		expect(model.calls).toHaveLength(3);
		expect(door.takenCommands).toBe(3);
	});

	it('takes a steered message into the turn that runs, and a queued one after it', async () => {
		const { door, model, worktree } = await start();
		runner.say('bash until test -e go; do sleep 0.05; done');
		await door.record('claude.assistant');
		const queued = runner.say('say queued words');
		const steered = runner.say('say steered words', { steer: true });
		await door.until(() => door.takenCommands === 3);
		await runner.agentHas(steered);
		writeFileSync(join(worktree, 'go'), '');
		await door.record('runner.turn_ended', 1);
		const told = door.committed.filter(({ type }) => /^runner\.(turn|message)/.test(type));
		expect(told.map(({ type, payload }) => [type, payload.commandId])).toEqual([
			['runner.turn_started', expect.any(String)],
			['runner.message_steered', steered],
			['runner.turn_ended', expect.any(String)],
			['runner.turn_started', queued],
			['runner.turn_ended', queued]
		]);
		const asked = model.calls.map(({ body }) => JSON.stringify(body.messages));
		expect(asked.map((text) => text.includes('steered words'))).toEqual([false, true, true]);
		expect(asked.map((text) => text.includes('queued words'))).toEqual([false, false, true]);
	});

	it('begins a turn with a message that was steered too late', async () => {
		const { door } = await start();
		runner.say('hang');
		await door.until(() => door.framesOf('delta').length > 0);
		const steered = runner.say('say too late', { steer: true });
		await runner.agentHas(steered);
		door.command({ type: 'interrupt', commandId: 'i1' });
		await door.record('runner.turn_ended', 1);
		const told = door.committed.filter(({ type }) => /^runner\.(turn|message)/.test(type));
		expect(told.slice(1).map(({ type, payload }) => [type, payload.outcome ?? 'begins'])).toEqual([
			['runner.turn_ended', 'interrupted'],
			['runner.turn_started', 'begins'],
			['runner.turn_ended', 'completed']
		]);
		expect(told[2]?.payload.commandId).toBe(steered);
	});

	it('gives the model what goes along: images as images, texts as texts, also when steering', async () => {
		const { door, model, worktree } = await start();
		const keep = (kind: 'image' | 'text', name: string, body: Buffer): Attachment => {
			const id = randomUUID();
			door.files.set(`/attachments/${id}`, body);
			const mediaType = kind === 'image' ? 'image/png' : 'text/plain';
			return { id, kind, name, mediaType, bytes: body.length };
		};
		const text = keep('text', 'log.txt', Buffer.from('the words of the log'));
		const lost: Attachment = { ...text, id: randomUUID(), name: 'gone.txt' };
		runner.say('bash until test -e go; do sleep 0.05; done', {
			attachments: [keep('image', 'dot.png', DOT), text, lost]
		});
		await door.record('claude.assistant');
		const steered = runner.say('say seen', {
			steer: true,
			attachments: [keep('image', 'b.png', DOT)]
		});
		await runner.agentHas(steered);
		writeFileSync(join(worktree, 'go'), '');
		expect((await door.record('runner.turn_ended')).payload.outcome).toBe('completed');
		const [first = '', second = ''] = model.calls.map(({ body }) => JSON.stringify(body.messages));
		const images = (asked: string): number => asked.split(DOT.toString('base64')).length - 1;
		expect([images(first), images(second)]).toEqual([1, 2]);
		expect(first).toContain('the words of the log');
		expect(first).toContain('gone.txt');
		expect(readdirSync(join(runner.sessionFolder, 'attachments'))).toEqual([]);
	});

	it('is interrupted, and the next one goes on', async () => {
		const { door } = await start();
		runner.say('hang');
		await door.until(() => door.framesOf('delta').length > 0);
		door.send({ kind: 'probe', probeId: 'p' });
		await door.until(() => door.framesOf('probe_result').length === 1);
		expect(door.framesOf('probe_result')[0]).toMatchObject({ turnOpen: true, openTools: 0 });
		door.command({ type: 'interrupt', commandId: 'i1' });
		const ended = await door.record('runner.turn_ended');
		expect(ended.payload.outcome).toBe('interrupted');
		runner.say('say again');
		expect((await door.record('runner.turn_ended', 1)).payload.outcome).toBe('completed');
	});

	it('tells of a turn that the agent begins by itself, and keeps a message apart from it', async () => {
		const { door, worktree } = await start();
		const first = runner.say('background until test -e go; do sleep 0.05; done');
		await door.record('runner.turn_ended');
		writeFileSync(join(worktree, 'go'), '');
		await door.record('runner.turn_ended', 1);
		const next = runner.say('say thanks');
		await door.record('runner.turn_ended', 2);
		const [started, own, third] = door.committed.filter(
			({ type }) => type === 'runner.turn_started'
		);
		expect(started?.payload.commandId).toBe(first);
		expect(own?.payload.commandId).not.toBe(next);
		expect(third?.payload.commandId).toBe(next);
		const ended = door.committed.filter(({ type }) => type === 'runner.turn_ended');
		expect(ended.map(({ payload }) => payload.commandId)).toEqual([
			first,
			own?.payload.commandId,
			next
		]);
	});

	it('starts by what the manager says when no file says it before', async () => {
		runner = new RunnerProcess();
		await runner.door.open();
		runner.start();
		runner.say('say hello');
		expect((await runner.door.record('runner.turn_ended')).payload.outcome).toBe('completed');
	});
});

const decide = (requestId: unknown, decision: 'allow' | 'deny', more: object = {}): void => {
	runner.door.command({
		type: 'decide',
		commandId: `decide-${String(requestId)}`,
		requestId: String(requestId),
		decision,
		message: null,
		updatedInput: null,
		...more
	});
};

describe('what a person is asked', () => {
	it('allows and denies tool calls in `ask` mode', async () => {
		const { door, worktree } = await start({ permissionMode: 'ask' });
		runner.say('bash echo yes > allowed.txt');
		const first = await door.record('runner.approval_requested');
		expect(first.payload.suggestedRules).toEqual(['Bash(echo yes *)']);
		expect(first.payload).toMatchObject({ kind: 'approval', toolName: 'Bash' });
		expect(existsSync(join(worktree, 'allowed.txt'))).toBe(false);
		decide(first.payload.requestId, 'allow');
		await door.record('runner.turn_ended');
		expect(existsSync(join(worktree, 'allowed.txt'))).toBe(true);

		runner.say('bash echo no > denied.txt');
		const second = await door.record('runner.approval_requested', 1);
		decide(second.payload.requestId, 'deny', { message: 'not on my watch' });
		await door.record('runner.turn_ended', 1);
		expect(existsSync(join(worktree, 'denied.txt'))).toBe(false);
		expect(JSON.stringify(door.committed)).toContain('not on my watch');
		const resolved = door.committed.filter(({ type }) => type === 'runner.approval_resolved');
		expect(resolved.map(({ payload }) => payload.outcome)).toEqual(['allowed', 'denied']);
	});

	it('runs the changed command when the person changed it', async () => {
		const { door, worktree } = await start({ permissionMode: 'ask' });
		runner.say('bash echo one > changed.txt');
		const { payload } = await door.record('runner.approval_requested');
		decide(payload.requestId, 'allow', { updatedInput: { command: 'echo two > changed.txt' } });
		await door.record('runner.turn_ended');
		expect(readFileSync(join(worktree, 'changed.txt'), 'utf8')).toBe('two\n');
	});

	it.each(['full', 'ask'] as const)('asks questions in `%s` mode', async (permissionMode) => {
		const { door } = await start({ permissionMode });
		runner.say('question');
		const { payload } = await door.record('runner.approval_requested');
		expect(payload).toMatchObject({ kind: 'question', toolName: 'AskUserQuestion' });
		decide(payload.requestId, 'allow', { updatedInput: { answers: { 'Which colour?': 'blue' } } });
		await door.record('runner.turn_ended');
		expect(JSON.stringify((await door.record('claude.user')).payload)).toContain('blue');
	});

	it('withdraws the request when the turn is interrupted', async () => {
		const { door } = await start({ permissionMode: 'ask' });
		runner.say('bash echo never > never.txt');
		await door.record('runner.approval_requested');
		door.command({ type: 'interrupt', commandId: 'i1' });
		const resolved = await door.record('runner.approval_resolved');
		expect(resolved.payload.outcome).toBe('withdrawn');
		expect((await door.record('runner.turn_ended')).payload.outcome).toBe('interrupted');
	});
});

describe('what a person changes in a living agent', () => {
	const configure = (more: object): number =>
		runner.door.command({
			...{ type: 'configure', commandId: `configure-${JSON.stringify(more)}` },
			...{ permissionMode: 'full', model: null, effort: null, ...more }
		});
	const bash = async (file: string, at: number): Promise<boolean> => {
		runner.say(`bash echo x > ${file}`);
		await runner.door.record('runner.turn_ended', at);
		return existsSync(join(runner.worktree, file));
	};

	it('says which commands and models it has', async () => {
		const { door } = await start();
		const { payload } = await door.record('runner.offered');
		const { commands, models } = runnerEventSchemas['runner.offered'].parse(payload);
		expect(commands.map(({ name }) => name)).toContain('compact');
		expect(models.length).toBeGreaterThan(0);
	});

	it('takes less and more leave, in each direction, without a new start', async () => {
		const { door } = await start({ permissionMode: 'full' });
		expect(await bash('one.txt', 0)).toBe(true);
		for (const [at, permissionMode] of (['ask', 'plan'] as const).entries()) {
			configure({ permissionMode });
			runner.say('bash echo x > asked.txt');
			const asked = await door.record('runner.approval_requested', at);
			expect(asked.payload).toMatchObject({ kind: 'approval', toolName: 'Bash' });
			decide(asked.payload.requestId, 'deny');
			await door.record('runner.turn_ended', at + 1);
		}
		expect(existsSync(join(runner.worktree, 'asked.txt'))).toBe(false);
		configure({ permissionMode: 'full' });
		expect(await bash('two.txt', 3)).toBe(true);
	});

	it('goes to full autonomy although it was started to ask', async () => {
		await start({ permissionMode: 'ask' });
		configure({ permissionMode: 'full' });
		expect(await bash('free.txt', 0)).toBe(true);
	});

	it('talks to another model, with another effort, from the next call on', async () => {
		const { door, model } = await start({ model: 'claude-sonnet-5' });
		runner.say('say one');
		await door.record('runner.turn_ended');
		configure({ model: 'claude-opus-5', effort: 'low' });
		runner.say('say two');
		await door.record('runner.turn_ended', 1);
		const models = model.calls.map(({ body }) => body.model);
		expect([models[0], models.at(-1)]).toEqual(['claude-sonnet-5', 'claude-opus-5']);
		expect(JSON.stringify(model.calls.at(-1)?.body)).toContain('"effort":"low"');
		expect(runner.types()).not.toContain('runner.configuration_refused');
	});

	it('says why when the model does not exist, and goes on with the one it had', async () => {
		const { door, model } = await start({ model: 'claude-sonnet-5' });
		runner.say('say one');
		await door.record('runner.turn_ended');
		configure({ model: 'no-such-model' });
		const refused = await door.record('runner.configuration_refused');
		expect(refused.payload).toMatchObject({ model: 'claude-sonnet-5', effort: null });
		expect(refused.payload.message).toContain('no-such-model');
		runner.say('say two');
		expect((await door.record('runner.turn_ended', 1)).payload.outcome).toBe('completed');
		expect(model.calls.at(-1)?.body.model).toBe('claude-sonnet-5');
	});
});

describe('ends', () => {
	it('finishes: the agent exits by itself, and so does the runner', async () => {
		const { door } = await start();
		runner.say('say bye');
		await door.record('runner.turn_ended');
		door.command({ type: 'finish', commandId: 'f1' });
		expect(await runner.exited()).toBe(0);
		expect(runner.types().slice(-2)).toEqual(['runner.agent_exited', 'runner.stopped']);
		expect((await door.record('runner.stopped')).payload).toEqual({ reason: 'finish' });
		expect((await door.record('runner.agent_exited')).payload).toMatchObject({ exitCode: 0 });
	});

	it('stops on SIGTERM in the middle of a turn, with everything told', async () => {
		const { door } = await start();
		runner.say('hang');
		await door.until(() => door.framesOf('delta').length > 0);
		runner.signal('SIGTERM');
		expect(await runner.exited()).toBe(0);
		expect((await door.record('runner.turn_ended')).payload.outcome).toBe('interrupted');
		expect((await door.record('runner.stopped')).payload).toEqual({ reason: 'stop' });
	});

	it('says what was said when the agent dies in the middle of a message', async () => {
		const { door } = await start();
		runner.say('hang');
		await door.until(() => door.framesOf('delta').length > 0);
		runner.signalAgent('SIGKILL');
		expect(await runner.exited()).toBe(1);
		expect((await door.record('runner.partial')).payload).toMatchObject({
			blocks: [{ block: 0, kind: 'text', text: 'thinking' }]
		});
		expect((await door.record('runner.turn_ended')).payload.outcome).toBe('failed');
		expect((await door.record('runner.stopped')).payload).toEqual({ reason: 'agent_exited' });
	});

	it('tells of an agent that is frozen, of its next word, and of none that only waits', async () => {
		const waiting = new RunnerProcess();
		await waiting.door.open();
		waiting.writeOptions();
		waiting.start();
		try {
			const { door } = await start();
			waiting.say('hang');
			runner.say('hang');
			for (const it of [waiting.door, door]) await it.until(() => it.framesOf('delta').length > 0);
			runner.signalAgent('SIGSTOP');
			const silent = await door.record('runner.agent_silent');
			expect(silent.payload.afterSeconds).toBeLessThan(45);
			runner.signalAgent('SIGCONT');
			await door.record('runner.agent_heard');
			expect(waiting.types()).not.toContain('runner.agent_silent');
		} finally {
			await waiting.dispose();
		}
	}, 90_000);

	it('stops although it never reached the door, agent or no agent', async () => {
		runner = new RunnerProcess();
		runner.start();
		await expect
			.poll(() => existsSync(join(runner.sessionFolder, 'commands.log')), { timeout: 20_000 })
			.toBe(true);
		runner.signal('SIGTERM');
		expect(await runner.exited()).toBe(0);
		runner.writeOptions();
		runner.start();
		await expect.poll(() => existsSync(join(runner.sessionFolder, 'claude'))).toBe(true);
		runner.signal('SIGTERM');
		expect(await runner.exited()).toBe(0);
	});

	it('says why when the agent can not even start', async () => {
		runner = new RunnerProcess();
		await runner.door.open();
		runner.writeOptions();
		runner.start({ AGENT_MANAGER_CLAUDE: join(runner.folder, 'no-such-program') });
		expect(await runner.exited()).toBe(1);
		const exited = await runner.door.record('runner.agent_exited');
		expect(exited.payload.exitCode).toBeNull();
		expect(exited.payload.error).toMatch(/ENOENT|not found/);
	});

	it('leaves without a word when a newer runner is there', async () => {
		const { door } = await start();
		await door.record('runner.started');
		door.disconnect(4001);
		expect(await runner.exited()).toBe(3);
		expect(runner.types()).not.toContain('runner.stopped');
	});
});

describe('after the sandbox was killed', () => {
	it('closes the turn as unknown and goes on with the conversation', async () => {
		const { door, model } = await start();
		const died = runner.say('hang');
		await door.until(() => door.framesOf('delta').length > 0);
		await expect.poll(() => runner.conversation(), { timeout: 10_000 }).toContain(died);
		await runner.killSandbox();
		runner.start();
		const ended = await door.record('runner.turn_ended');
		expect(ended.payload).toEqual({ commandId: died, outcome: 'unknown' });
		expect((await door.record('runner.started', 1)).payload.resumed).toBe(true);
		const calls = model.calls.length;
		runner.say('say back again');
		await door.record('runner.turn_ended', 1);
		expect(model.calls).toHaveLength(calls + 1);
		expect(JSON.stringify(model.calls.at(-1)?.body.messages)).toContain('hang');
		expect(door.committed.filter(({ type }) => type === 'runner.turn_started')).toHaveLength(2);
	});

	it('says that the outcome is unknown when the conversation does not tell', async () => {
		const { door } = await start();
		const died = runner.say('hang');
		await door.record('claude.system.init');
		await runner.killSandbox();
		runner.loseConversation();
		runner.start();
		const ended = await door.record('runner.turn_ended');
		expect(ended.payload).toEqual({ commandId: died, outcome: 'unknown' });
		const unknown = await door.record('runner.command_unknown_outcome');
		expect(unknown.payload.commandId).toBe(died);
		runner.say('say on we go');
		expect((await door.record('runner.turn_ended', 1)).payload.outcome).toBe('completed');
	});

	it('delivers a message that the agent had not taken', async () => {
		const { door } = await start();
		const early = runner.say('say here I am');
		await door.record('runner.turn_started');
		await runner.killSandbox();
		runner.loseConversation();
		const seen = door.committed.some(({ type }) => type === 'claude.system.init');
		runner.start();
		const ended = await door.record('runner.turn_ended');
		const outcome = seen ? 'unknown' : 'completed';
		expect(ended.payload).toEqual({ commandId: early, outcome });
		expect(door.committed.filter(({ type }) => type === 'runner.turn_started')).toHaveLength(1);
	});

	it('withdraws what was asked, and delivers what was still waiting', async () => {
		const { door } = await start({ permissionMode: 'ask' });
		runner.say('bash echo x > x.txt');
		const waiting = runner.say('say patience');
		await door.record('runner.approval_requested');
		await door.until(() => door.takenCommands === 2);
		await runner.killSandbox();
		runner.start();
		expect((await door.record('runner.approval_resolved')).payload.outcome).toBe('withdrawn');
		const last = await door.record('runner.turn_ended', 1);
		expect(last.payload).toEqual({ commandId: waiting, outcome: 'completed' });
	});

	it('tells what the manager missed, also when the manager was down at the same time', async () => {
		const { door } = await start();
		runner.say('say before');
		await door.record('runner.turn_ended');
		await door.kill();
		await runner.killSandbox();
		runner.start();
		await door.open();
		await door.record('runner.started', 1);
		runner.say('say after');
		expect((await door.record('runner.turn_ended', 1)).payload.outcome).toBe('completed');
	});
});
