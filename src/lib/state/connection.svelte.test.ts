import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSockets } from '../../../tests/support/fake-socket.ts';
import { SESSION_ID, sampleSession } from '../../../tests/support/sample-session.ts';
import { Connection, type Subscriber } from './connection.svelte.ts';

let sockets: FakeSockets;
let signedIn: boolean;
let connection: Connection;

beforeEach(() => {
	vi.useFakeTimers({ now: 1_000_000 });
	sockets = new FakeSockets();
	signedIn = true;
	connection = new Connection({
		url: () => 'ws://test/ws',
		createSocket: sockets.create,
		random: () => 1,
		checkSignedIn: async () => signedIn
	});
});
afterEach(() => {
	connection.stop();
	vi.useRealTimers();
});

const subscriber = (over: Partial<Subscriber> = {}): Subscriber => ({
	sessionId: SESSION_ID,
	request: () => ({ type: 'subscribe.session', sessionId: SESSION_ID }),
	release: { type: 'unsubscribe', sessionId: SESSION_ID },
	onSnapshot: vi.fn(),
	onEvent: vi.fn(),
	...over
});
const ack = (commandId: unknown): void =>
	sockets.last.receive('ack', SESSION_ID, { re: 'session.stop', commandId });

describe('being live', () => {
	it('is live only while a socket is open', () => {
		connection.start();
		expect(connection.status).toBe('connecting');
		sockets.last.open();
		expect(connection.live).toBe(true);
		sockets.last.fail();
		expect(connection.status).toBe('reconnecting');
	});

	it('tries again with growing pauses, and says when', () => {
		connection.start();
		sockets.last.open();
		const pauses: number[] = [];
		for (let i = 0; i < 9; i += 1) {
			sockets.last.fail();
			const pause = (connection.retryAt ?? 0) - Date.now();
			pauses.push(pause);
			vi.advanceTimersByTime(pause);
		}
		expect(pauses).toEqual([300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000, 15_000]);
		expect(sockets.all).toHaveLength(10);
		sockets.last.open();
		expect(connection.attempts).toBe(0);
	});

	it('tries at once when asked, or when the page wakes up', () => {
		connection.start();
		sockets.last.fail();
		connection.retryNow();
		expect(sockets.all).toHaveLength(2);
		sockets.last.fail();
		connection.wake();
		expect(sockets.all).toHaveLength(3);
	});

	it('gives up a try that began before the page woke up: it may hang in a network that is gone', () => {
		connection.start();
		sockets.last.open();
		sockets.last.fail();
		connection.retryNow();
		const hanging = sockets.last;
		connection.wake();
		expect(sockets.all).toHaveLength(3);
		sockets.last.open();
		hanging.fail();
		vi.advanceTimersByTime(20_000);
		expect(connection.live).toBe(true);
		expect(sockets.all).toHaveLength(3);
	});

	it('asks a silent connection, then drops it', () => {
		connection.start();
		sockets.last.open();
		vi.advanceTimersByTime(30_000);
		expect(sockets.last.sentOf('unsubscribe')).toHaveLength(1);
		sockets.last.receive('ack', null, { re: 'unsubscribe' });
		vi.advanceTimersByTime(30_000);
		expect(connection.live).toBe(true);
		expect(sockets.last.sentOf('unsubscribe')).toHaveLength(2);
		vi.advanceTimersByTime(20_000);
		expect(connection.live).toBe(false);
	});

	it('drops a socket that never opens', () => {
		connection.start();
		vi.advanceTimersByTime(10_001);
		expect(connection.status).toBe('reconnecting');
	});

	it('ignores the late words of a socket that it let go', () => {
		connection.start();
		const first = sockets.last;
		first.open();
		first.fail();
		vi.advanceTimersByTime(300);
		sockets.last.open();
		first.fail();
		first.receiveText('{"v":99}');
		expect(connection.status).toBe('open');
	});

	it('says that it is signed out instead of trying for ever', async () => {
		signedIn = false;
		connection.start();
		sockets.last.fail();
		await vi.advanceTimersByTimeAsync(0);
		expect(connection.status).toBe('signed_out');
		await vi.advanceTimersByTimeAsync(60_000);
		expect(sockets.all).toHaveLength(1);
	});

	it('stops at a server of another version', () => {
		connection.start();
		sockets.last.open();
		sockets.last.receiveText('{"v":2,"kind":"ack","payload":{}}');
		expect(connection.status).toBe('outdated');
		sockets.last.fail();
		vi.advanceTimersByTime(60_000);
		expect(sockets.all).toHaveLength(1);
	});

	it('survives frames that make no sense', () => {
		connection.start();
		sockets.last.open();
		for (const text of ['', 'null', '[]', '{"v":1}', '{"v":1,"kind":"event","payload":7}']) {
			sockets.last.receiveText(text);
		}
		expect(connection.status === 'open' || connection.status === 'outdated').toBe(true);
	});
});

describe('subscriptions', () => {
	it('subscribes at each connect with the cursor of the moment', () => {
		let cursor = 5;
		connection.subscribe(
			subscriber({
				request: () => ({ type: 'subscribe.session', sessionId: SESSION_ID, afterSeq: cursor })
			})
		);
		connection.start();
		sockets.last.open();
		cursor = 9;
		sockets.last.fail();
		vi.advanceTimersByTime(300);
		sockets.last.open();
		expect(sockets.all.map((s) => s.sentOf('subscribe.session')[0]?.afterSeq)).toEqual([5, 9]);
	});

	it('gives each subscriber its own frames', () => {
		const session = subscriber();
		const list = subscriber({ sessionId: null, request: () => ({ type: 'subscribe.repo_list' }) });
		connection.subscribe(session);
		connection.subscribe(list);
		connection.start();
		sockets.last.open();
		sockets.last.receive('event', SESSION_ID, { type: 'heartbeat', head: 3 });
		sockets.last.receive('event', SESSION_ID, { type: 'session', session: sampleSession() });
		sockets.last.receive('snapshot', null, { type: 'repo_list', repos: [], sessions: [] });
		sockets.last.receive('event', 'another', { type: 'heartbeat', head: 3 });
		expect(session.onEvent).toHaveBeenCalledTimes(2);
		expect(session.onSnapshot).not.toHaveBeenCalled();
		expect(list.onEvent).toHaveBeenCalledTimes(1);
		expect(list.onSnapshot).toHaveBeenCalledTimes(1);
	});

	it('hands a refusal to whom it concerns, and unsubscribes only the last of a session', () => {
		const onError = vi.fn();
		const first = connection.subscribe(subscriber({ onError }));
		const second = connection.subscribe(subscriber());
		connection.start();
		sockets.last.open();
		const error = { code: 'session_not_found', message: 'There is none.' };
		sockets.last.receive('error', SESSION_ID, { re: 'subscribe.session', error });
		expect(onError).toHaveBeenCalledWith(error);
		first();
		expect(sockets.last.sentOf('unsubscribe')).toHaveLength(0);
		second();
		expect(sockets.last.sentOf('unsubscribe')).toHaveLength(1);
	});
});

describe('commands', () => {
	it('is answered by the ack with its key', async () => {
		connection.start();
		sockets.last.open();
		const outcome = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		ack(sockets.last.sentOf('session.stop')[0]?.idempotencyKey);
		await expect(outcome).resolves.toMatchObject({ kind: 'ack' });
	});

	it('sends again under the same key after a lost connection', async () => {
		connection.start();
		sockets.last.open();
		const outcome = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		const key = sockets.last.sentOf('session.stop')[0]?.idempotencyKey;
		sockets.last.fail();
		vi.advanceTimersByTime(300);
		sockets.last.open();
		expect(sockets.last.sentOf('session.stop').map((p) => p.idempotencyKey)).toEqual([key]);
		ack(key);
		await expect(outcome).resolves.toMatchObject({ kind: 'ack' });
	});

	it('waits for a connection, then says that the outcome is unknown', async () => {
		const outcome = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		vi.advanceTimersByTime(30_000);
		await expect(outcome).resolves.toEqual({ kind: 'unknown', sent: false });
	});

	it('takes a refusal by key, or of a frame that could not be read', async () => {
		connection.start();
		sockets.last.open();
		const error = { code: 'bad_request', message: 'No.' };
		const named = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		const commandId = sockets.last.sentOf('session.stop')[0]?.idempotencyKey;
		sockets.last.receive('error', SESSION_ID, { re: 'session.stop', commandId, error });
		await expect(named).resolves.toEqual({ kind: 'error', error });
		const unnamed = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		sockets.last.receive('error', null, { re: null, error });
		await expect(unnamed).resolves.toEqual({ kind: 'error', error });
	});

	it('does not take the ack of a subscription for its own', async () => {
		connection.subscribe(subscriber());
		connection.start();
		sockets.last.open();
		const outcome = connection.command({ type: 'session.stop', sessionId: SESSION_ID });
		sockets.last.receive('ack', SESSION_ID, { re: 'subscribe.session' }, 2);
		vi.advanceTimersByTime(30_000);
		await expect(outcome).resolves.toEqual({ kind: 'unknown', sent: true });
	});
});
