/**
 * An upgrade while a session runs: the frames of a runner of version 1, as recorded, come to a manager of
 * today in mid-stream. The recording has fields that nobody knows, as a later runner may send.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import type { CommandId, SessionId } from '@agent-manager/protocol/ids.ts';
import {
	OLDEST_RUNNER_VERSION,
	PROTOCOL_VERSION
} from '@agent-manager/protocol/protocol-version.ts';
import { RUNNER_CLOSE, type OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { decide } from '#lib/domain/session-decisions.ts';
import { readForward } from '#lib/server/db/event-log.ts';
import { createHub } from '#lib/server/sessions/hub.ts';
import { Partials } from '#lib/server/sessions/partials.ts';
import { RunnerConnection } from '#lib/server/sessions/runner-connection.ts';
import { SessionLog } from '#lib/server/sessions/session-log.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../support/session-rows.ts';

const EPOCH = 3;
const RECORDING = new URL('../fixtures/runner-v1.jsonl', import.meta.url);

interface RecordedFrame {
	kind: string;
	records?: OutboxRecord[];
}
const frames = readFileSync(RECORDING, 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as RecordedFrame)
	.slice(1);
const records = frames.flatMap((frame) => frame.records ?? []);

let database: TestDatabase;
beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());

/** A manager's end of the door for one session; each call is another manager, as after an upgrade. */
const startManager = async (sessionId: SessionId) => {
	let connection: RunnerConnection | null = null;
	const hub = createHub();
	const log = new SessionLog({
		db: database.db,
		hub,
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: ({ runnerCommands }) => connection?.deliver(runnerCommands)
	});
	const server = createServer();
	new WebSocketServer({ server }).on('connection', (ws) => {
		connection = new RunnerConnection({
			...{ ws, sessionId, log, hub, epoch: EPOCH, db: database.db, partials: new Partials() },
			logger: pino({ level: 'silent' }),
			agentOptions: () =>
				Promise.resolve({
					...{ role: 'implementer', model: null, effort: null, permissionMode: 'full' },
					...{ systemPromptAppend: '', conversationId: randomUUID(), fork: null, rewound: null }
				}),
			inTurn: (work) => work(),
			onHeard: () => undefined,
			onHello: () => undefined,
			onActivity: () => undefined,
			onClose: () => undefined,
			backOff: () => Promise.resolve()
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const stop = (): void => {
		server.closeAllConnections();
		server.close();
	};
	return { log, stop, port: (server.address() as AddressInfo).port };
};

const connect = async (port: number, hello: object) => {
	const ws = new WebSocket(`ws://127.0.0.1:${port}`);
	const heard: { kind: string; [key: string]: unknown }[] = [];
	let look = (): void => undefined;
	const closed = new Promise<number>((resolve) => ws.on('close', resolve));
	ws.on('message', (data) => {
		heard.push(JSON.parse((data as Buffer).toString()) as { kind: string });
		look();
	});
	await new Promise((resolve) => ws.once('open', resolve));
	ws.send(JSON.stringify({ kind: 'hello', epoch: EPOCH, lastCommand: 0, ...hello }));
	const hear = (is: (frame: (typeof heard)[number]) => boolean) =>
		new Promise<(typeof heard)[number]>((resolve) => {
			look = () => {
				const found = heard.find(is);
				if (found) resolve(found);
			};
			look();
		});
	return { ws, hear, closed };
};

const newSession = async (): Promise<SessionId> =>
	insertTestSession(database.db, await insertTestRepo(database.db), {
		epoch: EPOCH,
		runnerUp: true
	});

it('is of the version before ours at least', () => {
	expect(OLDEST_RUNNER_VERSION).toBeLessThan(PROTOCOL_VERSION);
});

it('goes on in mid-stream, loses nothing, and gets the commands that it knows', async () => {
	const sessionId = await newSession();
	const half = Math.floor(frames.length / 2);
	const before = await startManager(sessionId);
	const first = await connect(before.port, { v: 1, sessionId, lastN: 0 });
	await first.hear(({ kind }) => kind === 'welcome');
	for (const frame of frames.slice(0, half)) first.ws.send(JSON.stringify(frame));
	const middle = frames.slice(0, half).flatMap((frame) => frame.records ?? []).length;
	await first.hear(({ kind, n }) => kind === 'ack' && n === middle);
	before.stop();

	const after = await startManager(sessionId);
	const second = await connect(after.port, { v: 1, sessionId, lastN: middle });
	const welcome = await second.hear(({ kind }) => kind === 'welcome');
	expect(welcome).toMatchObject({ ackedN: middle });
	for (const frame of frames.slice(half)) second.ws.send(JSON.stringify(frame));
	await second.hear(({ kind, n }) => kind === 'ack' && n === records.length);
	const stored = await readForward(database.db, sessionId, 0, 1_000);
	expect(stored.map(({ type, payload }) => ({ type, payload }))).toEqual(
		records.map(({ type, payload }) => ({ type, payload }))
	);
	const commandId = randomUUID();
	await after.log.command(sessionId, (state) => decide(state, { type: 'interrupt', commandId }), {
		id: commandId as CommandId,
		requestHash: ''
	});
	expect(await second.hear(({ kind }) => kind === 'command')).toMatchObject({
		command: { type: 'interrupt', commandId }
	});
	after.stop();
});

it('is refused when it is older than we can speak to', async () => {
	const sessionId = await newSession();
	const manager = await startManager(sessionId);
	const { closed } = await connect(manager.port, {
		v: OLDEST_RUNNER_VERSION - 1,
		sessionId,
		lastN: 0
	});
	expect(await closed).toBe(RUNNER_CLOSE.protocol);
	manager.stop();
});
