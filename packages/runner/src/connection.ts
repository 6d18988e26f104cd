/**
 * The runner's side of the door's `/runner`: one WebSocket that is made again for ever. Records go
 * out in order of `n` once they are durable, a bounded number ahead of the manager's commits; deltas
 * go out at once or not at all.
 */
import { watch, type FSWatcher } from 'node:fs';
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import { PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import {
	managerToRunnerSchema,
	RUNNER_CLOSE,
	type ManagerToRunner,
	type RunnerToManager
} from '@agent-manager/protocol/runner-frames.ts';
import WebSocket, { type RawData } from 'ws';
import type { DoorAddress } from './environment.ts';
import { errorText, type Log } from './log.ts';
import type { Outbox } from './outbox.ts';
import { RecordSender } from './record-sender.ts';

/** Above this the socket is not keeping up, and deltas are dropped. */
const DELTA_BUFFERED_BYTES = 1024 * 1024;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const BACKOFF_MS = { first: 50, longest: 2000 };
const PING_MS = 15_000;
/** A door that refuses the token for this long means it. It may be a manager that has just started. */
const REFUSED_PATIENCE_MS = 60_000;

export type ConnectionEnd = 'fenced' | 'unauthorized';

export interface ConnectionHandlers {
	/** After `hello`'s answer. */
	onWelcome(frame: Extract<ManagerToRunner, { kind: 'welcome' }>): void;
	/** In the order they come; repeats are possible. */
	onCommand(frame: Extract<ManagerToRunner, { kind: 'command' }>): void;
	onProbe(): { turnOpen: boolean; openTools: number };
	partials(): PartialMessage[];
	/** It will not be made again. */
	onEnd(reason: ConnectionEnd): void;
}

export interface ConnectionDeps {
	door: DoorAddress;
	token: string;
	sessionId: string;
	epoch: number;
	outbox: Outbox;
	lastCommand: () => number;
	handlers: ConnectionHandlers;
	log: Log;
	/** A number in [0, 1). */
	random: () => number;
	pingMs?: number;
	backoffMs?: { first: number; longest: number };
}

const doorUrl = ({ socketPath }: DoorAddress): string => `ws+unix:${socketPath}:/runner`;

export class Connection {
	readonly #deps: ConnectionDeps;
	readonly #sender: RecordSender;
	#socket: WebSocket | null = null;
	#welcomed = false;
	#closed = false;
	#attempts = 0;
	#refusedSince: number | null = null;
	#retryTimer: NodeJS.Timeout | null = null;
	#pingTimer: NodeJS.Timeout | null = null;
	#heard = true;
	#watcher: FSWatcher | null = null;
	/** Deltas were dropped: the manager needs the whole of what is being said. */
	#deltasMissing = false;
	#heldUp = false;

	constructor(deps: ConnectionDeps) {
		this.#deps = deps;
		this.#sender = new RecordSender(
			deps.outbox,
			(frame) => this.#socket?.send(frame, { binary: false }),
			{
				buffered: () => this.#socket?.bufferedAmount ?? 0,
				log: deps.log
			}
		);
		deps.outbox.onDurable(() => this.#sender.pump());
	}

	get connected(): boolean {
		return this.#welcomed;
	}

	/** Starts, and keeps at it until `close` or a final close code. */
	open(): void {
		this.#watchDoor();
		this.#pingTimer = setInterval(() => this.#checkLife(), this.#deps.pingMs ?? PING_MS);
		this.#connect();
	}

	/** Sends now or drops. */
	sendDeltas(afterN: number, deltas: Delta[]): void {
		const socket = this.#socket;
		if (!this.#welcomed || !socket || socket.bufferedAmount > DELTA_BUFFERED_BYTES) {
			this.#deltasMissing = true;
			return;
		}
		if (this.#deltasMissing) this.#sendPartials();
		else socket.send(JSON.stringify({ kind: 'delta', afterN, deltas }));
	}

	/** Whether the agent waits for the outbox. Told again after each reconnect. */
	setHeldUp(heldUp: boolean): void {
		this.#heldUp = heldUp;
		if (this.#welcomed) this.#send({ kind: 'held_up', heldUp });
	}

	/** The command is durable. Lost with the connection; the next `hello` says it again. */
	acknowledgeCommand(num: number): void {
		this.#send({ kind: 'command_ack', num });
	}

	/** Ends this connection so that both sides begin again from what they have for sure. */
	restart(): void {
		this.#socket?.close(RUNNER_CLOSE.protocol, 'begin again');
	}

	close(): void {
		this.#closed = true;
		this.#welcomed = false;
		if (this.#retryTimer) clearTimeout(this.#retryTimer);
		if (this.#pingTimer) clearInterval(this.#pingTimer);
		this.#watcher?.close();
		this.#sender.stop();
		this.#socket?.close(1000);
	}

	#send(frame: RunnerToManager): void {
		if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
	}

	#sendPartials(): void {
		this.#deltasMissing = false;
		const { outbox, handlers } = this.#deps;
		this.#send({ kind: 'partial', afterN: outbox.lastN, partials: handlers.partials() });
	}

	/** A manager that was restarted makes a new socket: come at once, do not wait for the backoff. */
	#watchDoor(): void {
		const { door } = this.#deps;
		try {
			this.#watcher = watch(door.folder, { persistent: false }, () => {
				if (this.#socket !== null || !this.#retryTimer) return;
				// The file is there a moment before somebody listens on it.
				this.#attempts = 0;
				this.#connect();
			});
			this.#watcher.on('error', () => this.#watcher?.close());
		} catch (error) {
			this.#deps.log('info', 'cannot watch the door, only the backoff looks for it', {
				error: errorText(error)
			});
		}
	}

	#connect(): void {
		if (this.#closed || this.#socket) return;
		if (this.#retryTimer) clearTimeout(this.#retryTimer);
		this.#retryTimer = null;
		const socket = new WebSocket(doorUrl(this.#deps.door), {
			headers: { authorization: `Bearer ${this.#deps.token}` },
			perMessageDeflate: false,
			// Masks are for proxies on the way, and there are none: all zero, both sides skip the work.
			generateMask: () => undefined,
			maxPayload: MAX_FRAME_BYTES,
			handshakeTimeout: 10_000
		});
		this.#socket = socket;
		socket.on('open', () => this.#hello());
		socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
		socket.on('pong', () => (this.#heard = true));
		socket.on('ping', () => (this.#heard = true));
		socket.on('unexpected-response', (request, response) => {
			request.destroy();
			this.#refused(response.statusCode ?? 0);
		});
		socket.on('error', () => this.#gone(socket, null));
		socket.on('close', (code) => this.#gone(socket, code));
	}

	#hello(): void {
		const { sessionId, epoch, outbox, lastCommand, log } = this.#deps;
		this.#heard = true;
		log('info', 'connected to the door', { lastN: outbox.durableN });
		this.#send({
			kind: 'hello',
			v: PROTOCOL_VERSION,
			sessionId,
			epoch,
			lastN: outbox.durableN,
			lastCommand: lastCommand()
		});
	}

	#refused(status: number): void {
		const { log, handlers } = this.#deps;
		log('warn', 'the door refused', { status });
		if (status === 401 || status === 403 || status === 410) {
			this.#refusedSince ??= performance.now();
			if (performance.now() - this.#refusedSince > REFUSED_PATIENCE_MS) {
				this.close();
				handlers.onEnd('unauthorized');
				return;
			}
		} else this.#refusedSince = null;
		if (this.#socket) this.#gone(this.#socket, null);
	}

	#gone(socket: WebSocket, code: number | null): void {
		if (this.#socket !== socket) return;
		this.#socket = null;
		this.#welcomed = false;
		this.#sender.stop();
		socket.terminate();
		if (this.#closed) return;
		if (code === RUNNER_CLOSE.fenced || code === RUNNER_CLOSE.unauthorized) {
			this.close();
			this.#deps.handlers.onEnd(code === RUNNER_CLOSE.fenced ? 'fenced' : 'unauthorized');
			return;
		}
		const { first, longest } = this.#deps.backoffMs ?? BACKOFF_MS;
		const waitMs = Math.min(first * 2 ** this.#attempts, longest) * (0.5 + this.#deps.random() / 2);
		this.#attempts += 1;
		if (code !== null) this.#deps.log('info', 'connection lost', { code });
		this.#retryTimer = setTimeout(() => this.#connect(), waitMs);
	}

	#checkLife(): void {
		const socket = this.#socket;
		if (!socket || socket.readyState !== WebSocket.OPEN) return;
		if (!this.#heard) {
			this.#deps.log('warn', 'the door says nothing, connecting again');
			this.#gone(socket, null);
			return;
		}
		this.#heard = false;
		socket.ping();
	}

	#receive(data: RawData, isBinary: boolean): void {
		this.#heard = true;
		const frame = parseFrame(data, isBinary);
		if (!frame) {
			this.#deps.log('error', 'the manager sent a frame this runner does not know');
			return;
		}
		const { handlers } = this.#deps;
		switch (frame.kind) {
			case 'welcome':
				void this.#welcome(frame);
				return;
			case 'ack':
				this.#deps.outbox.ack(frame.n);
				this.#sender.pump();
				return;
			case 'nack':
				this.#sender.resendFrom(frame.expectedN);
				return;
			case 'command':
				handlers.onCommand(frame);
				return;
			case 'probe':
				this.#send({ kind: 'probe_result', probeId: frame.probeId, ...handlers.onProbe() });
				return;
			case 'partial_request':
				this.#sendPartials();
		}
	}

	async #welcome(frame: Extract<ManagerToRunner, { kind: 'welcome' }>): Promise<void> {
		const { outbox, handlers } = this.#deps;
		const socket = this.#socket;
		if (frame.ackedN > outbox.durableN) await outbox.restartAfter(frame.ackedN);
		if (this.#socket !== socket) return;
		this.#attempts = 0;
		this.#refusedSince = null;
		outbox.ack(frame.ackedN);
		this.#welcomed = true;
		this.#sendPartials();
		if (this.#heldUp) this.#send({ kind: 'held_up', heldUp: true });
		this.#sender.resendFrom(frame.ackedN + 1);
		handlers.onWelcome(frame);
	}
}

const parseFrame = (data: RawData, isBinary: boolean): ManagerToRunner | null => {
	if (isBinary) return null;
	try {
		const text = (data as Buffer).toString('utf8');
		return managerToRunnerSchema.safeParse(JSON.parse(text)).data ?? null;
	} catch {
		return null;
	}
};
