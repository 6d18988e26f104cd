/** What a runner may say at the door, over a real WebSocket and a real database: also what it should not. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import type { CommandId, SessionId } from '@agent-manager/protocol/ids.ts';
import { PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { decide } from '#lib/domain/session-decisions.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { createHub, type SessionSignal } from '#lib/server/sessions/hub.ts';
import { Partials } from '#lib/server/sessions/partials.ts';
import { RunnerConnection } from '#lib/server/sessions/runner-connection.ts';
import { SessionLog } from '#lib/server/sessions/session-log.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../support/session-rows.ts';

const EPOCH = 3;
const ts = '2026-01-02T03:04:05.000Z';
let repoId: string;
const agent: AgentOptions = {
	role: 'implementer',
	model: null,
	effort: null,
	permissionMode: 'full',
	systemPromptAppend: '',
	conversationId: randomUUID(),
	fork: null,
	rewound: null
};

let database: TestDatabase;
let sessionId: SessionId;
let log: SessionLog;
let server: Server;
let connection: RunnerConnection | null;
let signals: SessionSignal[];

beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(() => database.close());

beforeEach(async () => {
	connection = null;
	signals = [];
	sessionId = await insertTestSession(database.db, repoId, {
		epoch: EPOCH,
		conversationId: agent.conversationId,
		runnerUp: true,
		openTurn: 'm0'
	});
	const hub = createHub();
	hub.onSession(sessionId, (signal) => signals.push(signal));
	log = new SessionLog({
		db: database.db,
		hub,
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: ({ runnerCommands }) => connection?.deliver(runnerCommands)
	});
	server = createServer();
	const sockets = new WebSocketServer({ server, maxPayload: 64 * 1024 * 1024 });
	sockets.on('connection', (ws) => {
		connection = new RunnerConnection({
			ws,
			sessionId,
			epoch: EPOCH,
			db: database.db,
			log,
			hub,
			partials: new Partials(),
			logger: pino({ level: 'silent' }),
			agentOptions: () => Promise.resolve(agent),
			onHeard: () => undefined,
			onHello: () => undefined,
			onActivity: () => undefined,
			onClose: () => undefined,
			inTurn: (work) => work(),
			backOff: () => Promise.resolve()
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
	server.closeAllConnections();
	server.close();
});

/** A runner that says what a test makes it say. */
class TestRunner {
	readonly heard: { kind: string; [key: string]: unknown }[] = [];
	readonly closed: Promise<number>;
	readonly #ws: WebSocket;
	#waiters: (() => void)[] = [];

	constructor(ws: WebSocket) {
		this.#ws = ws;
		ws.on('message', (data) => {
			this.heard.push(JSON.parse((data as Buffer).toString()) as { kind: string });
			this.#waiters.splice(0).forEach((look) => look());
		});
		ws.on('error', () => undefined);
		this.closed = new Promise((resolve) => ws.on('close', resolve));
	}

	static async connect(hello: object | null = {}): Promise<TestRunner> {
		const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
		const runner = new TestRunner(ws);
		await new Promise((resolve) => ws.once('open', resolve));
		if (hello) {
			const usual = { v: PROTOCOL_VERSION, sessionId, epoch: EPOCH, lastN: 0, lastCommand: 0 };
			runner.say({ kind: 'hello', ...usual, ...hello });
		}
		return runner;
	}

	say(frame: object | string | Buffer): void {
		const isRaw = typeof frame === 'string' || Buffer.isBuffer(frame);
		this.#ws.send(isRaw ? frame : JSON.stringify(frame));
	}

	records(...numbers: number[]): void {
		const records = numbers.map((n) => ({
			n,
			ts,
			source: 'claude',
			type: 'claude.user',
			payload: { n }
		}));
		this.say({ kind: 'records', records });
	}

	async hear(kind: string, count = 1): Promise<Record<string, unknown>[]> {
		for (;;) {
			const found = this.heard.filter((frame) => frame.kind === kind);
			if (found.length >= count) return found;
			await new Promise<void>((resolve) => this.#waiters.push(resolve));
		}
	}
}

const interrupt = (commandId = randomUUID()) =>
	log.command(sessionId, (state) => decide(state, { type: 'interrupt', commandId }), {
		id: commandId as CommandId,
		requestHash: commandId
	});

describe('a runner at the door', () => {
	const refused: [string, object | null, (string | Buffer | object)[], number][] = [
		['of another session', { sessionId: randomUUID() }, [], 4003],
		['of a lower epoch', { epoch: EPOCH - 1 }, [], 4003],
		['of a higher epoch', { epoch: EPOCH + 1 }, [], 4003],
		['of a protocol to come', { v: 999 }, [], 4002],
		['that does not say hello', null, [{ kind: 'command_ack', num: 1 }], 4002],
		[
			'that says hello twice',
			{},
			[{ kind: 'hello', v: 1, sessionId: 'x', epoch: 1, lastN: 0, lastCommand: 0 }],
			4002
		],
		['that says no JSON', {}, ['{'], 4002],
		['that says nothing known', {}, [{ kind: 'rm -rf' }], 4002],
		['that speaks binary', {}, [Buffer.from([0, 1, 2])], 4002],
		['that numbers from zero', {}, [{ kind: 'records', records: [{ n: 0 }] }], 4002],
		[
			'that speaks for the manager',
			{},
			[
				{
					kind: 'records',
					records: [{ n: 1, ts, source: 'manager', type: 'session.stopped', payload: {} }]
				}
			],
			4002
		],
		['that sends 65 MiB at once', {}, ['x'.repeat(65 * 1_048_576)], 1009]
	];
	it.each(refused)('%s is refused, and nothing is stored', async (_name, hello, frames, code) => {
		const runner = await TestRunner.connect(hello);
		if (hello && frames.length > 0) await runner.hear('welcome');
		for (const frame of frames) runner.say(frame);
		expect(await runner.closed).toBe(code);
		expect(await readForward(database.db, sessionId, 0, 10)).toEqual([]);
	});

	it('is told what is missing after a jump, and what is stored after that', async () => {
		const runner = await TestRunner.connect();
		await runner.hear('welcome');
		runner.records(1, 2);
		await runner.hear('ack');
		runner.records(5, 6);
		expect(await runner.hear('nack')).toMatchObject([{ expectedN: 3 }]);
		runner.records(2, 3, 4, 5, 6);
		expect((await runner.hear('ack', 2)).at(-1)).toMatchObject({ n: 6 });
		const stored = await readForward(database.db, sessionId, 0, 10);
		expect(stored.map(({ payload }) => payload.n)).toEqual([1, 2, 3, 4, 5, 6]);
	});

	it('can’t poison its log with what the database can’t hold', async () => {
		const runner = await TestRunner.connect();
		await runner.hear('welcome');
		const odd = {
			n: 1,
			ts: '0000-01-01T00:00:00Z',
			source: 'claude',
			type: 'a\u0000\ud800b',
			payload: {}
		};
		runner.say({ kind: 'records', records: [odd] });
		await runner.hear('ack');
		const [stored] = await readForward(database.db, sessionId, 0, 10);
		expect(stored?.type).toBe('ab');
		expect(Date.parse(stored?.ts ?? '')).toBeGreaterThan(0);
	});

	it('gets every command once and in order, however they come while it is welcomed', async () => {
		for (let round = 0; round < 5; round++) {
			await Promise.all([interrupt(), interrupt()]);
			const runner = await TestRunner.connect({ lastCommand: round * 7 });
			const burst = Array.from({ length: 5 }, () => interrupt());
			await Promise.all(burst);
			const commands = await runner.hear('command', 7);
			const expected = Array.from({ length: 7 }, (_, index) => round * 7 + index + 1);
			expect(commands.map(({ num }) => num)).toEqual(expected);
		}
	});

	it('shows viewers that its agent is held up, until it goes on or comes back', async () => {
		const shown = (): boolean[] =>
			signals
				.flatMap((signal) => (signal.type === 'session' ? [signal.session.heldUp] : []))
				.filter((heldUp, index, all) => heldUp !== all[index - 1]);
		const first = await TestRunner.connect();
		await first.hear('welcome');
		first.say({ kind: 'held_up', heldUp: true });
		first.say({ kind: 'held_up', heldUp: false });
		first.say({ kind: 'held_up', heldUp: true });
		first.records(1);
		await first.hear('ack');
		expect(shown()).toEqual([true, false, true]);
		const second = await TestRunner.connect();
		await second.hear('welcome');
		expect((await log.find(sessionId))?.heldUp).toBe(false);
	});

	it('shows pieces to viewers only after the record that they follow', async () => {
		const runner = await TestRunner.connect();
		await runner.hear('welcome');
		const piece = (text: string, offset: number) => ({
			messageId: 'm',
			block: 0,
			kind: 'text',
			offset,
			text,
			parentToolUseId: null
		});
		runner.say({ kind: 'delta', afterN: 1, deltas: [piece('a', 0), piece('b', 1)] });
		runner.say({ kind: 'delta', afterN: 1, deltas: [piece('hole', 9)] });
		runner.records(1);
		await runner.hear('partial_request');
		expect(signals.map(({ type }) => type)).toEqual(['head', 'delta', 'delta']);
		expect(signals.filter(({ type }) => type === 'delta')).toMatchObject([
			{ head: 1 },
			{ head: 1 }
		]);
	});
});
