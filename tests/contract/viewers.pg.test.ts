/** What viewers at `/ws` get: every event once and in order, from wherever they begin; slow ones are bounded. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { BROWSER_CLOSE } from '@agent-manager/protocol/browser-frames.ts';
import { ENVELOPE_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import type { RepoService } from '#lib/server/repos/repo-service.ts';
import { wireError } from '#lib/domain/errors.ts';
import { createHub, type Hub } from '#lib/server/sessions/hub.ts';
import { Partials } from '#lib/server/sessions/partials.ts';
import type { SessionCreation } from '#lib/server/sessions/session-creation.ts';
import type { SessionChanges } from '#lib/server/sessions/session-changes.ts';
import { SessionLog } from '#lib/server/sessions/session-log.ts';
import { SessionService } from '#lib/server/sessions/session-service.ts';
import { BrowserConnection } from '#lib/server/websocket/browser-connection.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../support/session-rows.ts';

let database: TestDatabase;
let sessionId: SessionId;
let log: SessionLog;
let hub: Hub;
let sessions: SessionService;
let server: Server;
let serverSockets: WebSocket[];
let n: number;
let partials: Partials;
let repoId: string;

beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(() => database.close());

beforeEach(async () => {
	n = 0;
	partials = new Partials();
	serverSockets = [];
	sessionId = await insertTestSession(database.db, repoId);
	hub = createHub();
	const { db } = database;
	log = new SessionLog({
		db,
		hub,
		now: () => new Date(),
		queuePosition: () => null,
		onCommit: ({ events }) => partials.settle(events)
	});
	sessions = new SessionService({
		db,
		log,
		creation: null as unknown as SessionCreation,
		changes: null as unknown as SessionChanges,
		newId: randomUUID
	});
	const services = {
		hub,
		log,
		sessions,
		repos: null as unknown as RepoService,
		partials: () => partials.list(),
		now: () => new Date(),
		explain: () => wireError('database_unreachable', 'The database does not answer just now.'),
		logger: pino({ level: 'silent' })
	};
	server = createServer();
	new WebSocketServer({ server }).on('connection', (ws) => {
		serverSockets.push(ws);
		new BrowserConnection(ws, services);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
	serverSockets.forEach((ws) => ws.terminate());
	server.close();
});

const port = () => (server.address() as AddressInfo).port;

/** Stores that many events more, each of about `size` characters. */
const store = async (count: number, size = 10): Promise<void> => {
	const records = Array.from({ length: count }, () => ({
		n: ++n,
		ts: '2026-01-02T03:04:05.000Z',
		source: 'claude' as const,
		type: 'claude.user',
		payload: { text: 'x'.repeat(size) }
	}));
	await log.ingest(sessionId, 1, records);
};

interface Frame {
	kind: string;
	seq: number;
	// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asked for
	payload: any;
}

class Viewer {
	readonly frames: Frame[] = [];
	readonly ws: WebSocket;
	readonly closed: Promise<number>;
	#waiters: (() => void)[] = [];

	constructor() {
		this.ws = new WebSocket(`ws://127.0.0.1:${port()}`);
		this.closed = new Promise((resolve) => this.ws.on('close', resolve));
		this.ws.on('message', (data) => {
			this.frames.push(JSON.parse((data as Buffer).toString()) as Frame);
			this.#waiters.splice(0).forEach((look) => look());
		});
	}

	async say(payload: object, kind = 'subscribe'): Promise<void> {
		if (this.ws.readyState !== WebSocket.OPEN) {
			await new Promise((resolve) => this.ws.once('open', resolve));
		}
		this.ws.send(JSON.stringify({ v: ENVELOPE_VERSION, kind, sessionId: null, payload }));
	}

	subscribe(more: object = {}): Promise<void> {
		return this.say({ type: 'subscribe.session', sessionId, ...more });
	}

	/** Sequence numbers, as they came: of the snapshot's events and of the ones after it. */
	get seqs(): number[] {
		return this.frames.flatMap(({ payload }) =>
			payload.type === 'event'
				? [payload.event.seq]
				: payload.type === 'session' && payload.events
					? payload.events.map(({ seq }: { seq: number }) => seq)
					: []
		) as number[];
	}

	async until(is: () => boolean): Promise<void> {
		while (!is()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
	}
}

const range = (from: number, to: number) =>
	Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

describe('commands', () => {
	it('that fail inside are answered under their key, with what is the matter', async () => {
		vi.spyOn(log, 'command').mockRejectedValueOnce(new Error('the database is away'));
		const viewer = new Viewer();
		const idempotencyKey = randomUUID();
		await viewer.say({ type: 'session.stop', sessionId, idempotencyKey }, 'command');
		await viewer.until(() => viewer.frames.length > 0);
		expect(viewer.frames[0]).toMatchObject({
			kind: 'error',
			sessionId,
			payload: {
				re: 'session.stop',
				commandId: idempotencyKey,
				error: { code: 'database_unreachable' }
			}
		});
	});
});

describe('subscribe.session', () => {
	it.each([
		['without a cursor: the last 200, then what follows', undefined, range(101, 340)],
		['from the beginning', 0, range(1, 340)],
		['from the middle', 150, range(151, 340)],
		['from the head', 300, range(301, 340)],
		['from beyond the head', 9_999, range(301, 340)]
	])('%s', async (_name, afterSeq, expected) => {
		await store(300);
		const viewers = [new Viewer(), new Viewer()];
		await Promise.all(
			viewers.map((viewer) => viewer.subscribe(afterSeq === undefined ? {} : { afterSeq }))
		);
		await viewers[0]?.until(
			() => viewers[0]?.frames.some(({ kind }) => kind === 'snapshot') ?? false
		);
		for (let i = 0; i < 40; i++) await store(1);
		for (const viewer of viewers) {
			await viewer.until(() => viewer.seqs.at(-1) === 340);
			expect(viewer.frames.slice(0, 2).map(({ kind }) => kind)).toEqual(['ack', 'snapshot']);
			expect(viewer.seqs).toEqual(expected);
		}
	});

	it('goes no further than what is known to be committed, and waits for it with the snapshot', async () => {
		await store(300);
		// Committed, and its answer is still on the way: the database is ahead of what is in memory.
		const { db } = database;
		const elsewhere = new SessionLog({
			db,
			hub: createHub(),
			now: () => new Date(),
			queuePosition: () => null,
			onCommit: () => undefined
		});
		const record = { n: 301, ts: '2026-01-02T03:04:05.000Z', source: 'claude' as const };
		await elsewhere.ingest(sessionId, 1, [{ ...record, type: 'claude.user', payload: {} }]);
		const page = await sessions.transcripts.events(sessionId, { after: 290, limit: 100 });
		expect(page).toMatchObject({ value: { head: 300, hasMore: false } });
		expect(page.ok && page.value.events.map(({ seq }) => seq)).toEqual(range(291, 300));
		const viewer = new Viewer();
		await viewer.subscribe({ afterSeq: 0 });
		await viewer.until(() => viewer.seqs.includes(300));
		await viewer.say({ type: 'snapshot.request', sessionId });
		await viewer.until(() => viewer.frames.filter(({ kind }) => kind === 'snapshot').length === 2);
		expect(viewer.seqs).toEqual(range(1, 300));
		await log.record(sessionId, () => [{ type: 'session.archived', payload: { by: 'person' } }]);
		await viewer.until(() => viewer.seqs.length === 302);
		expect(viewer.seqs).toEqual(range(1, 302));
	});

	it('begins in the middle of a flood and misses nothing', async () => {
		await store(50);
		const flood = (async () => {
			for (let i = 0; i < 100; i++) await store(10);
		})();
		const viewers = range(1, 5).map(() => new Viewer());
		await Promise.all(viewers.map((viewer, index) => viewer.subscribe({ afterSeq: index * 10 })));
		await flood;
		for (const [index, viewer] of viewers.entries()) {
			await viewer.until(() => viewer.seqs.at(-1) === 1_050);
			expect(viewer.seqs).toEqual(range(index * 10 + 1, 1_050));
		}
	});

	it('shows who comes late all that was said, and pieces never before the events they follow', async () => {
		await store(5);
		const piece = (text: string, offset: number): Delta => ({
			messageId: 'm',
			block: 0,
			kind: 'text',
			offset,
			text,
			parentToolUseId: null
		});
		const said = (text: string, offset: number): void => {
			const delta = piece(text, offset);
			partials.apply(delta);
			const head = log.head(sessionId);
			hub.publishSession(sessionId, { type: 'delta', delta, json: JSON.stringify(delta), head });
		};
		said('one ', 0);
		const viewer = new Viewer();
		await viewer.subscribe({ afterSeq: 0 });
		await viewer.until(() => viewer.seqs.length === 5);
		await store(1);
		said('two ', 4);
		said('three', 8);
		const text = (): string => {
			let now = '';
			let seen = 0;
			for (const { seq, payload } of viewer.frames) {
				if (payload.type === 'event') seen = payload.event.seq;
				if (payload.type === 'session' && payload.partials) {
					now = payload.partials[0]?.blocks[0]?.text ?? '';
				}
				if (payload.type !== 'delta') continue;
				expect(seen).toBeGreaterThanOrEqual(seq);
				expect(payload.delta.offset).toBe(now.length);
				now += payload.delta.text;
			}
			return now;
		};
		await viewer.until(() => text() === 'one two three');
	});

	it('is sent a backlog once, however slowly it reads, and asks for nothing again', async () => {
		await store(400, 20_000);
		const viewer = new Viewer();
		/** As a client that keeps to the protocol: a head above what it has means to subscribe again. */
		let newest = 0;
		let asked = 0;
		viewer.ws.on('message', (data) => {
			const { payload } = JSON.parse((data as Buffer).toString()) as Frame;
			if (payload.type === 'event') newest = payload.event.seq as number;
			if (payload.type !== 'heartbeat' || payload.head <= newest) return;
			asked += 1;
			void viewer.subscribe({ afterSeq: newest });
		});
		await viewer.subscribe({ afterSeq: 0 });
		await viewer.until(() => viewer.seqs.length >= 50);
		viewer.ws.pause();
		await store(10);
		viewer.ws.resume();
		await viewer.until(() => viewer.seqs.includes(410));
		expect(asked).toBe(0);
		expect(viewer.seqs).toEqual(Array.from({ length: 410 }, (_, index) => index + 1));
	});

	it('is given a fresh window at once when it asks for one instead of the backlog it is sent', async () => {
		await store(400, 20_000);
		const viewer = new Viewer();
		await viewer.subscribe({ afterSeq: 0 });
		await viewer.until(() => viewer.frames.some(({ kind }) => kind === 'snapshot'));
		await viewer.subscribe();
		const isWindow = ({ payload }: Frame): boolean => payload.events?.length === 200;
		await viewer.until(() => viewer.frames.some(isWindow));
		expect(viewer.frames.findIndex(isWindow)).toBeLessThan(300);
		await store(1);
		await viewer.until(() => viewer.seqs.at(-1) === 401);
		expect(viewer.seqs.slice(-201)).toEqual(range(201, 401));
	});

	it('is told to come back when the database was away as it asked', async () => {
		await store(3);
		const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
		vi.spyOn(SessionService.prototype, 'find').mockRejectedValueOnce(away);
		const refused = new Viewer();
		await refused.subscribe({ afterSeq: 0 });
		expect(await refused.closed).toBe(BROWSER_CLOSE.goingAway);
		const back = new Viewer();
		await back.subscribe({ afterSeq: 0 });
		await back.until(() => back.seqs.length === 3);
	});

	it('leaves nothing behind after much coming and going', async () => {
		await store(3);
		const viewer = new Viewer();
		for (let i = 0; i < 100; i++) {
			await viewer.subscribe();
			await viewer.say({ type: 'unsubscribe', sessionId });
		}
		await viewer.until(() => viewer.frames.filter(({ kind }) => kind === 'ack').length === 200);
		expect(hub.viewers(sessionId)).toBe(0);
		for (let i = 0; i < 20; i++) {
			const short = new Viewer();
			await short.subscribe();
			short.ws.terminate();
		}
		await Promise.all(
			serverSockets
				.slice(1)
				.map(
					(ws) =>
						new Promise((resolve) =>
							ws.readyState === ws.CLOSED ? resolve(null) : ws.once('close', resolve)
						)
				)
		);
		await viewer.subscribe();
		await viewer.until(() => viewer.frames.filter(({ kind }) => kind === 'snapshot').length >= 101);
		expect(hub.viewers(sessionId)).toBe(1);
	});

	it('holds a bounded amount for a viewer that does not read, and closes it', async () => {
		await store(10);
		const socket = connect(port(), '127.0.0.1');
		const key = Buffer.from('0123456789abcdef').toString('base64');
		socket.write(
			`GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`
		);
		const text = Buffer.from(
			JSON.stringify({
				v: ENVELOPE_VERSION,
				kind: 'subscribe',
				sessionId: null,
				payload: { type: 'subscribe.session', sessionId }
			})
		);
		await new Promise((resolve) => socket.once('data', resolve));
		socket.pause();
		socket.write(
			Buffer.concat([
				Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0]),
				text
			])
		);
		const ws = serverSockets[0];
		if (!ws) throw new Error('no socket');
		const closing = new Promise<[number, string]>((resolve) => {
			const close = ws.close.bind(ws);
			ws.close = (code, reason) => {
				resolve([code ?? 0, String(reason)]);
				close(code, reason);
			};
		});
		let most = 0;
		for (let i = 0; i < 40; i++) {
			await store(100, 10_000);
			most = Math.max(most, ws.bufferedAmount);
		}
		expect(most).toBeLessThan(3_000_000);
		expect((await closing)[0]).toBe(4008);
		expect(hub.viewers(sessionId)).toBe(0);
		socket.destroy();
	});
});
