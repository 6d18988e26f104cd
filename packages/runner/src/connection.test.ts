import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import { RUNNER_CLOSE } from '@agent-manager/protocol/runner-frames.ts';
import { FakeDoor } from '../test-support/fake-door.ts';
import { Connection, type ConnectionDeps, type ConnectionEnd } from './connection.ts';
import { Outbox } from './outbox.ts';

const agent: AgentOptions = {
	role: 'implementer',
	model: null,
	effort: null,
	permissionMode: 'full',
	systemPromptAppend: '',
	conversationId: '7b0c1e0e-8a53-4a0e-9a53-0a3f8a8f0c11',
	fork: null,
	rewound: null
};
const delta = {
	messageId: 'm1',
	block: 0,
	kind: 'text' as const,
	offset: 0,
	text: 'hi',
	parentToolUseId: null
};

let folder = '';
let door: FakeDoor;
let outbox: Outbox;
let connection: Connection;
let commands: number[] = [];
let ends: ConnectionEnd[] = [];

const connect = (changes: Partial<ConnectionDeps> = {}): Connection =>
	new Connection({
		door: { folder: dirname(door.socketPath), socketPath: door.socketPath },
		token: 'secret',
		sessionId: 'a3b8a8e6-7a1f-4a3b-8c5e-3f8a8f0c1111',
		epoch: 4,
		outbox,
		lastCommand: () => commands.at(-1) ?? 0,
		log: () => undefined,
		random: () => 0,
		handlers: {
			onWelcome: () => undefined,
			onCommand: ({ num }) => {
				commands.push(num);
				connection.acknowledgeCommand(num);
			},
			onProbe: () => ({ turnOpen: true, openTools: 2 }),
			partials: () => [{ messageId: 'm1', parentToolUseId: null, blocks: [] }],
			onEnd: (reason) => ends.push(reason)
		},
		...changes
	});

const append = (count: number): void => {
	for (let index = 0; index < count; index += 1) outbox.append('claude', 'claude.user', { index });
};

const expectCommitted = (count: number): void => {
	expect(door.committed.map((record) => record.n)).toEqual(
		Array.from({ length: count }, (_, index) => index + 1)
	);
};

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'runner-'));
	door = new FakeDoor(join(folder, 'door', 'door.sock'), agent);
	outbox = await Outbox.open(join(folder, 'outbox'), {
		log: () => undefined,
		now: () => new Date(0),
		delay: () => new Promise((resolve) => setImmediate(resolve))
	});
	commands = [];
	ends = [];
	await door.open();
	connection = connect();
});

afterEach(async () => {
	connection.close();
	await door.kill();
	await outbox.close();
	rmSync(folder, { recursive: true, force: true });
});

describe('connection', () => {
	it('says who it is, with the token in the head and in no frame', async () => {
		append(3);
		await outbox.whenDurable(3);
		connection.open();
		await outbox.whenAcked(3);
		expect(door.headers[0]?.authorization).toBe('Bearer secret');
		expect(door.frames[0]).toMatchObject({
			kind: 'hello',
			v: PROTOCOL_VERSION,
			epoch: 4,
			lastN: 3
		});
		expect(JSON.stringify(door.frames)).not.toContain('secret');
		expectCommitted(3);
	});

	it('loses nothing and doubles nothing when the manager dies before it commits', async () => {
		connection.open();
		append(10);
		await outbox.whenAcked(10);
		door.committing = false;
		append(20);
		await door.until(() => door.framesOf('records').some((it) => it.records.at(-1)?.n === 30));
		await door.kill();
		append(5);
		door.committing = true;
		await door.open();
		await outbox.whenAcked(35);
		expectCommitted(35);
	});

	it('loses nothing when the manager dies after the commit and before the ack', async () => {
		connection.open();
		door.acking = false;
		append(10);
		await door.until(() => door.lastN === 10);
		expect(outbox.ackedN).toBe(0);
		await door.kill();
		door.acking = true;
		await door.open();
		await outbox.whenAcked(10);
		append(1);
		await outbox.whenAcked(11);
		expectCommitted(11);
	});

	it('sends again from where the manager sees a hole', async () => {
		connection.open();
		append(5);
		await outbox.whenAcked(5);
		door.committing = false;
		append(5);
		await door.until(() => door.framesOf('records').some((it) => it.records.at(-1)?.n === 10));
		door.committing = true;
		append(1);
		await outbox.whenAcked(11);
		expectCommitted(11);
	});

	it('takes an old ack and an ack of what it never sent for what they are', async () => {
		connection.open();
		append(5);
		await outbox.whenAcked(5);
		door.send({ kind: 'ack', n: 2 });
		door.send({ kind: 'ack', n: 1_000_000 });
		door.send({ kind: 'probe', probeId: 'p' });
		await door.until(() => door.framesOf('probe_result').length === 1);
		expect(outbox.ackedN).toBe(5);
		append(1);
		await outbox.whenAcked(6);
		expectCommitted(6);
	});

	it('keeps a bounded number of records on the way', async () => {
		connection.open();
		door.acking = false;
		append(3000);
		await door.until(() => door.lastN >= 1000);
		expect(door.lastN).toBeLessThan(1300);
		door.acking = true;
		door.send({ kind: 'ack', n: door.lastN });
		await outbox.whenAcked(3000);
		expectCommitted(3000);
	});

	it('reads from the disk what is not in memory any more', async () => {
		append(2500);
		await outbox.whenDurable(2500);
		await outbox.close();
		outbox = await Outbox.open(join(folder, 'outbox'), {
			log: () => undefined,
			now: () => new Date(0),
			delay: () => new Promise((resolve) => setImmediate(resolve))
		});
		connection = connect();
		connection.open();
		append(10);
		await outbox.whenAcked(2510);
		expectCommitted(2510);
	});

	it.each([
		[RUNNER_CLOSE.fenced, 'fenced'],
		[RUNNER_CLOSE.unauthorized, 'unauthorized']
	] as const)('ends for good after close code %i', async (code, reason) => {
		connection.open();
		await door.until(() => door.framesOf('hello').length === 1);
		door.disconnect(code);
		await expect.poll(() => ends).toEqual([reason]);
		expect(connection.connected).toBe(false);
	});

	it.each([RUNNER_CLOSE.goingAway, RUNNER_CLOSE.protocol])(
		'comes back after close code %i',
		async (code) => {
			connection.open();
			await door.until(() => door.framesOf('hello').length === 1);
			door.disconnect(code);
			await door.until(() => door.framesOf('hello').length === 2);
			expect(ends).toEqual([]);
		}
	);

	it('waits for a door that refuses, and is not sent away by it at once', async () => {
		door.refuseWith = 401;
		connection.open();
		await expect.poll(() => door.headers.length).toBeGreaterThan(2);
		door.refuseWith = null;
		append(1);
		await outbox.whenAcked(1);
		expect(ends).toEqual([]);
	});

	it('finds a new socket by itself, long before its backoff is over', async () => {
		await door.kill();
		rmSync(door.socketPath, { force: true });
		connection = connect({ backoffMs: { first: 60_000, longest: 60_000 } });
		connection.open();
		await new Promise((resolve) => setImmediate(resolve));
		await door.open();
		await door.until(() => door.framesOf('hello').length === 1);
	});

	it('leaves a connection on which nothing is heard', async () => {
		await door.kill();
		door.answerPings = false;
		await door.open();
		connection = connect({ pingMs: 20 });
		connection.open();
		await door.until(() => door.framesOf('hello').length === 2);
	});

	it('drops deltas while nobody listens, and tells the whole when somebody does', async () => {
		connection.sendDeltas(0, [delta]);
		connection.open();
		await door.until(() => door.framesOf('partial').length === 1);
		connection.sendDeltas(7, [delta]);
		await door.until(() => door.framesOf('delta').length === 1);
		expect(door.framesOf('delta')).toEqual([{ kind: 'delta', afterN: 7, deltas: [delta] }]);
		door.send({ kind: 'partial_request' });
		await door.until(() => door.framesOf('partial').length === 2);
	});

	it('says that the agent is held up, and again to a manager that has just come', async () => {
		const told = () => door.framesOf('held_up').map(({ heldUp }) => heldUp);
		connection.open();
		await door.until(() => door.framesOf('partial').length === 1);
		connection.setHeldUp(true);
		await door.until(() => told().length === 1);
		await door.kill();
		await door.open();
		await door.until(() => told().length === 2);
		connection.setHeldUp(false);
		await door.until(() => told().length === 3);
		expect(told()).toEqual([true, true, false]);
	});

	it('answers probes and survives frames that are none', async () => {
		connection.open();
		await door.until(() => door.framesOf('partial').length === 1);
		door.send({ kind: 'nonsense' } as never);
		door.send('{' as never);
		door.send({ kind: 'probe', probeId: 'p1' });
		await door.until(() => door.framesOf('probe_result').length === 1);
		expect(door.framesOf('probe_result')[0]).toEqual({
			kind: 'probe_result',
			probeId: 'p1',
			turnOpen: true,
			openTools: 2
		});
	});

	it('gets a command again until it has acknowledged it', async () => {
		connection.open();
		await door.until(() => door.framesOf('hello').length === 1);
		door.command({ type: 'interrupt', commandId: 'c1' });
		await door.until(() => door.takenCommands === 1);
		await door.kill();
		door.command({ type: 'interrupt', commandId: 'c2' });
		await door.open();
		await door.until(() => door.takenCommands === 2);
		expect(commands).toEqual([1, 2]);
	});
});
