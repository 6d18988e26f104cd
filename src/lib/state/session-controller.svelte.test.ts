import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import { FakeSockets } from '../../../tests/support/fake-socket.ts';
import {
	sampleEvent,
	sampleEvents,
	sampleSession,
	SESSION_ID
} from '../../../tests/support/sample-session.ts';
import { Connection } from './connection.svelte.ts';
import { SessionController, type SessionControllerOptions } from './session-controller.svelte.ts';

let sockets: FakeSockets;
let connection: Connection;
let tasks: (() => void)[];
const fetchPage = vi.fn<NonNullable<SessionControllerOptions['fetchPage']>>();

beforeEach(() => {
	vi.useFakeTimers();
	sockets = new FakeSockets();
	tasks = [];
	fetchPage.mockReset();
	connection = new Connection({
		url: () => 'ws://test/ws',
		createSocket: sockets.create,
		random: () => 1
	});
	connection.start();
	sockets.last.open();
});
afterEach(() => {
	connection.stop();
	vi.useRealTimers();
});

const paint = (): void => tasks.splice(0).forEach((task) => task());
const open = (): SessionController =>
	new SessionController(connection, SESSION_ID, {
		schedule: (task) => tasks.push(task),
		fetchPage
	});
const snapshot = (events: SessionEvent[], head: number, partials: object[] = []): void =>
	sockets.last.receive('snapshot', SESSION_ID, {
		type: 'session',
		session: sampleSession({ head }),
		events,
		carry: null,
		head,
		partials
	});
const send = (payload: object): void => sockets.last.receive('event', SESSION_ID, payload);
const sendEvents = (first: number, last: number): void => {
	for (const event of sampleEvents(first, last)) send({ type: 'event', event });
};
const seqs = (controller: SessionController): number[] => controller.events.map((e) => e.seq);
const subscribes = () => sockets.last.sentOf('subscribe.session').map((p) => p.afterSeq);

/** A controller that has events 1 to 3. */
const opened = (): SessionController => {
	const controller = open();
	snapshot(sampleEvents(1, 3), 3);
	return controller;
};

describe('the window', () => {
	it('opens with the snapshot and goes on with what follows', () => {
		const controller = opened();
		expect(controller.phase).toBe('ready');
		expect(controller.caughtUp).toBe(true);
		sendEvents(4, 6);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3, 4, 5, 6]);
		expect(subscribes()).toEqual([undefined]);
	});

	it('takes each event once, whatever is repeated', () => {
		const controller = opened();
		sendEvents(2, 5);
		sendEvents(1, 6);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3, 4, 5, 6]);
	});

	it('fills a hole from its cursor and never shows what comes after it first', () => {
		const controller = opened();
		sendEvents(6, 8);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3]);
		expect(subscribes()).toEqual([undefined, 3]);
		snapshot([], 8);
		expect(controller.caughtUp).toBe(false);
		sendEvents(4, 8);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
		expect(controller.caughtUp).toBe(true);
	});

	it('sees a quiet loss at the tail by the heartbeat', () => {
		const controller = opened();
		send({ type: 'heartbeat', head: 3 });
		paint();
		expect(subscribes()).toHaveLength(1);
		send({ type: 'heartbeat', head: 5 });
		paint();
		expect(subscribes()).toEqual([undefined, 3]);
		expect(controller.caughtUp).toBe(false);
	});

	it('goes on from its cursor after a reconnect', () => {
		const controller = opened();
		sockets.last.fail();
		vi.advanceTimersByTime(1000);
		sockets.last.open();
		expect(subscribes()).toEqual([3]);
		snapshot([], 5);
		sendEvents(4, 5);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3, 4, 5]);
	});

	it('starts a fresh window when it is far behind, or the log is another one', () => {
		for (const head of [100_000, 1]) {
			const controller = opened();
			sockets.last.fail();
			vi.advanceTimersByTime(1000);
			sockets.last.open();
			snapshot([], head);
			expect(subscribes().at(-1)).toBeUndefined();
			snapshot(sampleEvents(head, head), head);
			expect(seqs(controller)).toEqual([head]);
			controller.dispose();
		}
	});

	it('holds a bounded number of events and says that there are older ones', () => {
		const controller = opened();
		expect(controller.hasOlder).toBe(false);
		sendEvents(4, 10_050);
		paint();
		expect(controller.events).toHaveLength(8_000);
		expect(controller.events.at(-1)?.seq).toBe(10_050);
		expect(controller.hasOlder).toBe(true);
	});
});

describe('older events', () => {
	it('come before the window', async () => {
		const controller = open();
		snapshot(sampleEvents(201, 203), 203);
		fetchPage.mockResolvedValue(
			ok({ events: sampleEvents(1, 200), carry: null, head: 203, hasMore: false })
		);
		await controller.loadOlder();
		expect(fetchPage).toHaveBeenCalledWith(
			`/api/sessions/${SESSION_ID}/events?before=201&limit=200`
		);
		expect(controller.events).toHaveLength(203);
		expect(controller.hasOlder).toBe(false);
		await controller.loadOlder();
		expect(fetchPage).toHaveBeenCalledTimes(1);
	});

	it('are left out when they do not join the window, and errors are said', async () => {
		const controller = open();
		snapshot(sampleEvents(201, 203), 203);
		fetchPage.mockResolvedValueOnce(
			ok({ events: sampleEvents(1, 100), carry: null, head: 203, hasMore: false })
		);
		await controller.loadOlder();
		expect(seqs(controller)).toEqual([201, 202, 203]);
		fetchPage.mockResolvedValueOnce(fail(wireError('internal', 'No.')));
		await controller.loadOlder();
		expect(controller.olderError?.message).toBe('No.');
		expect(controller.loadingOlder).toBe(false);
	});

	it('are found one by one, in the window or by the API', async () => {
		const controller = open();
		snapshot(sampleEvents(201, 203), 203);
		expect((await controller.eventAt(202))?.seq).toBe(202);
		fetchPage.mockResolvedValueOnce(
			ok({ events: sampleEvents(7, 7), carry: null, head: 203, hasMore: true })
		);
		expect((await controller.eventAt(7))?.seq).toBe(7);
		fetchPage.mockResolvedValueOnce(ok({ events: [], carry: null, head: 203, hasMore: false }));
		expect(await controller.eventAt(8)).toBeNull();
	});
});

describe('messages in progress', () => {
	const delta = (offset: number, text: string) => ({
		type: 'delta',
		delta: { messageId: 'm', block: 0, kind: 'text', offset, text, parentToolUseId: null }
	});
	const text = (controller: SessionController) => controller.partials[0]?.blocks[0]?.text;

	it('grow, many frames for one paint', () => {
		const controller = opened();
		for (let i = 0; i < 100; i += 1) send(delta(i, 'x'));
		expect(tasks).toHaveLength(1);
		paint();
		expect(text(controller)).toHaveLength(100);
	});

	it('are asked for anew when a piece is missing, and not too often', () => {
		const controller = opened();
		send(delta(0, 'Hello'));
		send(delta(9, 'x'));
		send(delta(10, 'y'));
		paint();
		expect(sockets.last.sentOf('snapshot.request')).toHaveLength(1);
		snapshot([], 3, [
			{
				messageId: 'm',
				parentToolUseId: null,
				blocks: [{ block: 0, kind: 'text', text: 'Hello you' }]
			}
		]);
		expect(text(controller)).toBe('Hello you');
		expect(seqs(controller)).toEqual([1, 2, 3]);
	});

	it('give way to the stored message', () => {
		const controller = opened();
		send(delta(0, 'Hello'));
		const message = { id: 'm', content: [{ type: 'text', text: 'Hello' }] };
		send({
			type: 'event',
			event: sampleEvent(4, { source: 'claude', type: 'claude.assistant', payload: { message } })
		});
		paint();
		expect(controller.partials).toEqual([]);
		expect(controller.events.at(-1)?.seq).toBe(4);
	});
});

describe('the row', () => {
	it('never goes back to an older one', () => {
		const controller = opened();
		send({ type: 'session', session: sampleSession({ head: 5, status: 'running' }) });
		send({ type: 'session', session: sampleSession({ head: 4, status: 'waiting' }) });
		paint();
		expect(controller.session?.status).toBe('running');
	});

	it('says that it is gone, or could not be had', () => {
		const controller = open();
		const error = { code: 'session_not_found', message: 'There is none.' };
		sockets.last.receive('error', SESSION_ID, { re: 'subscribe.session', error });
		expect(controller.phase).toBe('failed');
		controller.reload();
		snapshot(sampleEvents(1, 1), 1);
		expect(controller.phase).toBe('ready');
		send({ type: 'session_removed', sessionId: SESSION_ID, repoId: 'r' });
		paint();
		expect(controller.phase).toBe('removed');
	});

	it('knows by itself that an id can be none', () => {
		const controller = new SessionController(connection, 'nonsense');
		expect(controller.phase).toBe('failed');
		expect(controller.error?.code).toBe('session_not_found');
		expect(sockets.last.sent).toEqual([]);
	});

	it('leaves nothing behind when the page goes', () => {
		const controller = opened();
		controller.dispose();
		sendEvents(4, 5);
		paint();
		expect(seqs(controller)).toEqual([1, 2, 3]);
		expect(sockets.last.sentOf('unsubscribe')).toHaveLength(1);
	});
});

describe('sending', () => {
	const sentKeys = () =>
		sockets.last.sentOf('session.send_message').map((payload) => payload.idempotencyKey);
	const stored = (seq: number, commandId: unknown): void =>
		send({
			type: 'event',
			event: sampleEvent(seq, { type: 'message.accepted', payload: { commandId } })
		});

	it('shows a message until the log has it', async () => {
		const controller = opened();
		const sending = controller.outbox.send('Hello');
		expect(controller.outbox.messages[0]).toMatchObject({ text: 'Hello', state: 'sending' });
		const [commandId] = sentKeys();
		sockets.last.receive('ack', SESSION_ID, { re: 'session.send_message', commandId });
		await sending;
		expect(controller.outbox.messages[0]?.state).toBe('accepted');
		stored(4, commandId);
		paint();
		expect(controller.outbox.messages).toEqual([]);
	});

	it('is content when the event comes before the ack, or the ack never', () => {
		const controller = opened();
		void controller.outbox.send('Hello');
		stored(4, sentKeys()[0]);
		paint();
		expect(controller.outbox.messages).toEqual([]);
	});

	it('keeps the text of what was refused', async () => {
		const controller = opened();
		const sending = controller.outbox.send('Hello');
		const [commandId] = sentKeys();
		const error = { code: 'session_not_live', message: 'It is stopped.' };
		sockets.last.receive('error', SESSION_ID, { re: 'session.send_message', commandId, error });
		await sending;
		expect(controller.outbox.messages[0]).toMatchObject({ state: 'failed', error });
		expect(controller.outbox.withdraw(String(commandId))?.text).toBe('Hello');
		expect(controller.outbox.messages).toEqual([]);
	});

	it('says when the outcome is unknown; trying again uses the same key', async () => {
		const controller = opened();
		const sending = controller.outbox.send('Hello');
		await vi.advanceTimersByTimeAsync(30_000);
		await sending;
		expect(controller.outbox.messages[0]?.state).toBe('unknown');
		void controller.outbox.retry(String(sentKeys()[0]));
		expect(sentKeys()[1]).toBe(sentKeys()[0]);
	});
});
