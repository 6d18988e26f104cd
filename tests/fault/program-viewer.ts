/**
 * A program at `/ws` as the protocol wants it: it keeps the newest `seq` of each session, and comes
 * back with it whenever its connection is gone. It drops nothing, so that what comes twice shows.
 */
import WebSocket from 'ws';
import type { SessionEvent } from '../../packages/protocol/src/events.ts';
import { ENVELOPE_VERSION } from '../../packages/protocol/src/protocol-version.ts';
import type { TestApp } from '../support/app.ts';
import type { SeenEvent, ViewerEvidence } from './checker.ts';
import { eventHash } from './event-hash.ts';

const RECONNECT_MS = { least: 20, most: 250 };

interface Followed {
	after: number | null;
	cursor: number;
	/** When the runner said the newest one, in ms. */
	newestAt: number;
	seen: SeenEvent[];
}

type Frame = {
	sessionId: string;
	payload: { type: string; event: SessionEvent; events: SessionEvent[]; head: number };
};

export class ProgramViewer {
	readonly name: string;
	readonly #app: TestApp;
	readonly #random: () => number;
	/** Begins with the last events of a snapshot instead of the first of all. */
	readonly #fromSnapshot: boolean;
	readonly #sessions = new Map<string, Followed>();
	#ws: WebSocket | null = null;
	#timer: NodeJS.Timeout | undefined;
	#ended = false;
	connections = 0;

	constructor(
		app: TestApp,
		name: string,
		random: () => number,
		options: { fromSnapshot?: boolean } = {}
	) {
		this.#app = app;
		this.name = name;
		this.#random = random;
		this.#fromSnapshot = options.fromSnapshot ?? false;
		this.#connect();
	}

	follow(sessionId: string): void {
		const after = this.#fromSnapshot ? null : 0;
		this.#sessions.set(sessionId, { after, cursor: 0, newestAt: 0, seen: [] });
		this.#subscribe(sessionId);
	}

	cursor(sessionId: string): number {
		return this.#sessions.get(sessionId)?.cursor ?? 0;
	}

	newestAt(sessionId: string): number {
		return this.#sessions.get(sessionId)?.newestAt ?? 0;
	}

	evidence(sessionId: string): ViewerEvidence {
		const followed = this.#sessions.get(sessionId);
		return { name: this.name, after: followed?.after ?? 0, seen: followed?.seen ?? [] };
	}

	/** Breaks the connection without a word. */
	cut(): void {
		this.#ws?.terminate();
	}

	/** Reads nothing for a while, as a laptop that sleeps. */
	stall(ms: number): void {
		const ws = this.#ws;
		if (ws?.readyState !== WebSocket.OPEN) return;
		ws.pause();
		setTimeout(() => ws.resume(), ms);
	}

	end(): void {
		this.#ended = true;
		clearTimeout(this.#timer);
		this.#ws?.terminate();
	}

	#connect(): void {
		if (this.#ended) return;
		const { origin } = this.#app;
		const ws = new WebSocket(origin.replace('http', 'ws') + '/ws', {
			headers: { authorization: `Bearer ${this.#app.token}` },
			perMessageDeflate: false
		});
		this.#ws = ws;
		ws.on('open', () => {
			this.connections += 1;
			for (const sessionId of this.#sessions.keys()) this.#subscribe(sessionId);
		});
		ws.on('message', (data) => this.#take(JSON.parse((data as Buffer).toString()) as Frame));
		ws.on('error', () => undefined);
		ws.on('close', () => {
			const { least, most } = RECONNECT_MS;
			this.#timer = setTimeout(() => this.#connect(), least + this.#random() * (most - least));
		});
	}

	#subscribe(sessionId: string): void {
		const followed = this.#sessions.get(sessionId);
		if (!followed || this.#ws?.readyState !== WebSocket.OPEN) return;
		const afterSeq = followed.after === null ? undefined : followed.cursor;
		const payload = { type: 'subscribe.session', sessionId, afterSeq };
		this.#ws.send(
			JSON.stringify({ v: ENVELOPE_VERSION, kind: 'subscribe', sessionId: null, payload })
		);
	}

	#take({ sessionId, payload }: Frame): void {
		const followed = this.#sessions.get(sessionId);
		if (!followed) return;
		if (payload.type === 'event') this.#see(followed, payload.event);
		else if (payload.type === 'session' && followed.after === null && payload.events) {
			followed.after = payload.head - payload.events.length;
			for (const event of payload.events) this.#see(followed, event);
		}
	}

	#see(followed: Followed, event: SessionEvent): void {
		followed.seen.push({ seq: event.seq, hash: eventHash(event) });
		followed.cursor = Math.max(followed.cursor, event.seq);
		if (event.source !== 'manager') followed.newestAt = Date.parse(event.ts);
	}
}
