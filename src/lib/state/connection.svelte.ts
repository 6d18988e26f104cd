/**
 * The page's one WebSocket. It reconnects for ever with backoff and jitter, subscribes again from
 * each subscriber's own cursor, and sends unanswered commands again under the same idempotency key,
 * so that a lost answer has no second effect. It never claims to be live when nothing was heard for
 * long: a silent connection is asked, and dropped when it does not answer.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import {
	CLOSE_TOO_SLOW,
	CLOSE_UNAUTHORIZED,
	encodeFrame,
	parseFrame,
	type AckPayload,
	type EventFramePayload,
	type IncomingFrame,
	type OutgoingPayload,
	type SnapshotPayload
} from './frames.ts';
import { newId } from './new-id.ts';

/**
 * `connecting`: never open yet. `open`: live. `reconnecting`: was lost, or could not be made; the
 * next try is at `retryAt`. `signed_out` and `outdated` (the server is of another version) end it.
 */
export type ConnectionStatus =
	'connecting' | 'open' | 'reconnecting' | 'signed_out' | 'outdated' | 'closed';

/** `unknown`: the time is up, and the command may or may not have been taken. */
export type CommandOutcome =
	| { kind: 'ack'; ack: AckPayload }
	| { kind: 'error'; error: WireError }
	| { kind: 'unknown'; sent: boolean };

export interface Subscriber {
	/** The session whose frames it wants; null for the list of repos. */
	sessionId: string | null;
	/** The frame that subscribes, asked for at each connect: the cursor is that of the moment. */
	request: () => OutgoingPayload;
	/** The frame that ends it. */
	release: OutgoingPayload;
	onSnapshot: (payload: SnapshotPayload) => void;
	onEvent: (payload: EventFramePayload, seq: number) => void;
	onError?: (error: WireError) => void;
}

export interface ConnectionOptions {
	url: () => string;
	createSocket?: (url: string) => WebSocket;
	now?: () => number;
	random?: () => number;
	/** Asks over HTTP why no socket opens: the browser hides the answer to an upgrade. */
	checkSignedIn?: () => Promise<boolean>;
}

interface PendingCommand {
	id: string;
	payload: OutgoingPayload;
	sent: boolean;
	timer: ReturnType<typeof setTimeout>;
	resolve: (outcome: CommandOutcome) => void;
}

const FIRST_DELAY_MS = 300;
const MAX_DELAY_MS = 15_000;
const ASK_AFTER_MS = 25_000;
const LOST_AFTER_MS = 40_000;
const WATCH_EVERY_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

export class Connection {
	status = $state<ConnectionStatus>('connecting');
	/** When the next try is made, ms since the epoch; null while one is being made. */
	retryAt = $state<number | null>(null);
	/** Tries that failed since the connection was last open. */
	attempts = $state(0);

	readonly #options: Required<ConnectionOptions>;
	readonly #subscribers = new Set<Subscriber>();
	readonly #commands = new Map<string, PendingCommand>();
	#socket: WebSocket | null = null;
	#seq = 0;
	#lastFrameAt = 0;
	#asked = false;
	#retryTimer: ReturnType<typeof setTimeout> | undefined;
	#watchTimer: ReturnType<typeof setInterval> | undefined;

	constructor(options: ConnectionOptions) {
		this.#options = {
			createSocket: (url) => new WebSocket(url),
			now: () => Date.now(),
			random: () => Math.random(),
			checkSignedIn: async () => true,
			...options
		};
	}

	/** True only while frames arrive: what pages call "live". */
	get live(): boolean {
		return this.status === 'open';
	}

	start(): void {
		this.#watchTimer ??= setInterval(() => this.#watch(), WATCH_EVERY_MS);
		this.#open();
	}

	/** Ends it for good, as when the page goes. */
	stop(): void {
		clearInterval(this.#watchTimer);
		this.#watchTimer = undefined;
		clearTimeout(this.#retryTimer);
		this.status = 'closed';
		this.#drop();
	}

	/** Tries at once instead of at `retryAt`. */
	retryNow(): void {
		if (this.status !== 'reconnecting' || this.retryAt === null) return;
		clearTimeout(this.#retryTimer);
		this.#open();
	}

	/** The page came back from the background, or the network did: do not wait for the timers. */
	wake(): void {
		if (this.status === 'open') return this.#ask();
		if (this.status !== 'reconnecting') return;
		clearTimeout(this.#retryTimer);
		this.#drop();
		this.#open();
	}

	/** Returns the function that unsubscribes. */
	subscribe(subscriber: Subscriber): () => void {
		this.#subscribers.add(subscriber);
		if (this.status === 'open') this.#request(subscriber);
		return () => {
			if (!this.#subscribers.delete(subscriber)) return;
			const shared = [...this.#subscribers].some((s) => s.sessionId === subscriber.sessionId);
			if (!shared && this.status === 'open') this.#send(subscriber.release);
		};
	}

	/** Subscribes once more from the subscriber's cursor, as when it found a hole. */
	resubscribe(subscriber: Subscriber): void {
		if (this.#subscribers.has(subscriber) && this.status === 'open') this.#request(subscriber);
	}

	/** Sends without waiting for an answer. Lost when not live. */
	notify(payload: OutgoingPayload): void {
		if (this.status === 'open') this.#send(payload);
	}

	/** `id` is the idempotency key: give the one of an earlier try to try it again. */
	command(payload: OutgoingPayload, id: string = newId()): Promise<CommandOutcome> {
		return new Promise((resolve) => {
			const timer = setTimeout(() => {
				this.#settle(id, { kind: 'unknown', sent: command.sent });
			}, COMMAND_TIMEOUT_MS);
			const command: PendingCommand = {
				id,
				payload: { ...payload, idempotencyKey: id },
				sent: false,
				timer,
				resolve
			};
			this.#commands.set(id, command);
			if (this.status === 'open') this.#sendCommand(command);
		});
	}

	#open(): void {
		this.retryAt = null;
		const socket = this.#options.createSocket(this.#options.url());
		this.#socket = socket;
		let opened = false;
		const timeout = setTimeout(() => {
			if (!opened) this.#lost(socket, false);
		}, CONNECT_TIMEOUT_MS);
		socket.onopen = () => {
			opened = true;
			clearTimeout(timeout);
			if (this.#socket === socket) this.#opened();
		};
		socket.onmessage = (message: MessageEvent<unknown>) => {
			if (this.#socket === socket && typeof message.data === 'string') this.#receive(message.data);
		};
		socket.onclose = (event: CloseEvent) => {
			clearTimeout(timeout);
			this.#lost(socket, opened, event.code);
		};
	}

	#opened(): void {
		this.status = 'open';
		this.attempts = 0;
		this.#heard();
		for (const subscriber of this.#subscribers) this.#request(subscriber);
		for (const command of this.#commands.values()) this.#sendCommand(command);
	}

	#lost(socket: WebSocket, opened: boolean, code?: number): void {
		if (this.#socket !== socket) return;
		this.#drop();
		if (this.status === 'closed' || this.status === 'outdated') return;
		if (code === CLOSE_UNAUTHORIZED) {
			this.status = 'signed_out';
			return;
		}
		this.status = opened || this.status !== 'connecting' ? 'reconnecting' : this.status;
		this.attempts += 1;
		this.#scheduleRetry(code === CLOSE_TOO_SLOW);
		if (!opened) {
			void this.#options.checkSignedIn().then((signedIn) => {
				if (signedIn || this.status === 'open') return;
				clearTimeout(this.#retryTimer);
				this.#drop();
				this.status = 'signed_out';
			});
		}
	}

	#scheduleRetry(soon: boolean): void {
		const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.attempts - 1, 10));
		const delay = soon ? 0 : ceiling * (0.5 + this.#options.random() / 2);
		this.status = 'reconnecting';
		this.retryAt = this.#options.now() + delay;
		clearTimeout(this.#retryTimer);
		this.#retryTimer = setTimeout(() => this.#open(), delay);
	}

	/** Lets go of the socket; its late events are ignored from here on. */
	#drop(): void {
		const socket = this.#socket;
		this.#socket = null;
		if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
	}

	#watch(): void {
		if (this.status !== 'open' || !this.#socket) return;
		const silentMs = this.#options.now() - this.#lastFrameAt;
		if (silentMs > LOST_AFTER_MS) this.#lost(this.#socket, true);
		else if (silentMs > ASK_AFTER_MS) this.#ask();
	}

	/** Any answer will do: an `unsubscribe` of nothing is the cheapest question. */
	#ask(): void {
		if (this.#asked) return;
		this.#asked = true;
		this.#send({ type: 'unsubscribe' });
	}

	#heard(): void {
		this.#lastFrameAt = this.#options.now();
		this.#asked = false;
	}

	#send(payload: OutgoingPayload): void {
		this.#seq += 1;
		this.#socket?.send(encodeFrame(payload, this.#seq, this.#options.now()));
	}

	#request(subscriber: Subscriber): void {
		this.#send(subscriber.request());
	}

	#sendCommand(command: PendingCommand): void {
		command.sent = true;
		this.#send(command.payload);
	}

	#receive(text: string): void {
		this.#heard();
		const parsed = parseFrame(text);
		if (!parsed.ok) {
			if (parsed.why === 'version') {
				this.status = 'outdated';
				this.#drop();
			}
			return;
		}
		this.#dispatch(parsed.frame);
	}

	#dispatch(frame: IncomingFrame): void {
		switch (frame.kind) {
			case 'ack':
				this.#settle(frame.payload.commandId, { kind: 'ack', ack: frame.payload });
				return;
			case 'error':
				this.#refused(frame);
				return;
			case 'snapshot': {
				const { payload } = frame;
				const sessionId = payload.type === 'session' ? payload.session.id : null;
				for (const subscriber of this.#subscribers) {
					if (subscriber.sessionId === sessionId) subscriber.onSnapshot(payload);
				}
				return;
			}
			case 'event':
				for (const subscriber of this.#subscribers) {
					if (wants(subscriber, frame)) subscriber.onEvent(frame.payload, frame.seq);
				}
		}
	}

	#refused({ sessionId, payload }: Extract<IncomingFrame, { kind: 'error' }>): void {
		const { error, re } = payload;
		if (re === 'subscribe.session' || re === 'snapshot.request') {
			for (const subscriber of this.#subscribers) {
				if (subscriber.sessionId === sessionId) subscriber.onError?.(error);
			}
			return;
		}
		// A frame that could not even be read names no command: it is the one that is under way.
		const sent = [...this.#commands.values()].filter((command) => command.sent);
		const unnamed = re === null && sent.length === 1 ? sent[0]?.id : undefined;
		this.#settle(payload.commandId ?? unnamed, { kind: 'error', error });
	}

	#settle(id: string | undefined, outcome: CommandOutcome): void {
		const command = id === undefined ? undefined : this.#commands.get(id);
		if (!command) return;
		clearTimeout(command.timer);
		this.#commands.delete(command.id);
		command.resolve(outcome);
	}
}

/** Rows concern the list and the one session; events, deltas and heartbeats the session alone. */
const wants = (
	subscriber: Subscriber,
	frame: Extract<IncomingFrame, { kind: 'event' }>
): boolean => {
	const { payload } = frame;
	switch (payload.type) {
		case 'session':
			return subscriber.sessionId === null || subscriber.sessionId === payload.session.id;
		case 'session_removed':
			return subscriber.sessionId === null || subscriber.sessionId === payload.sessionId;
		case 'repo':
		case 'repo_removed':
			return subscriber.sessionId === null;
		default:
			return subscriber.sessionId !== null && subscriber.sessionId === frame.sessionId;
	}
};
