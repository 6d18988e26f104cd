/** A client of `/ws` as the browser is one: starts sessions, sends messages, watches what comes. */
import WebSocket from 'ws';
import type { Envelope } from '../packages/protocol/src/browser-frames.ts';
import { ENVELOPE_VERSION } from '../packages/protocol/src/protocol-version.ts';
import type { Session } from '../packages/protocol/src/session.ts';
import type { Turn } from './bare-process.ts';
import { ChunkReader } from './chunk-reader.mjs';
import { nowMs } from './clock.mjs';

type Payload = Record<string, unknown>;

/** One session as its viewer sees it. */
export class SessionView {
	readonly id: string;
	readonly #browser: Browser;
	#reader = new ChunkReader();
	#turns = 1;
	#session: Session | null = null;
	#pushedAt: number;
	#check: () => void = () => undefined;

	constructor(browser: Browser, id: string, pushedAt: number) {
		this.#browser = browser;
		this.id = id;
		this.#pushedAt = pushedAt;
	}

	get session(): Session | null {
		return this.#session;
	}

	/** The model has said something in this turn. */
	get hasSpoken(): boolean {
		return this.#reader.firstAt !== null;
	}

	take(payload: Payload, seenAt: number): void {
		if (payload.type === 'delta') {
			const { kind, text } = payload.delta as { kind: string; text: string };
			if (kind === 'text') this.#reader.take(text, seenAt);
		}
		if (payload.type === 'session') {
			this.#session = payload.session as Session;
			this.#check();
		}
	}

	/** Resolves when the turn is over. Rejects when the session fails. */
	turn(): Promise<Turn> {
		return new Promise((resolve, reject) => {
			this.#check = () => {
				const session = this.#session;
				if (!session) return;
				if (session.status === 'error') return reject(new Error(JSON.stringify(session.error)));
				if (session.status !== 'waiting' || session.turns !== this.#turns) return;
				this.#check = () => undefined;
				resolve({ ...this.#reader.summary(), pushedAt: this.#pushedAt, endedAt: nowMs() });
			};
			this.#check();
		});
	}

	command(payload: Payload): Promise<Payload> {
		return this.#browser.command({ ...payload, sessionId: this.id });
	}

	send(message: string): Promise<Turn> {
		this.say(message);
		return this.turn();
	}

	/** Waits for nothing. */
	say(message: string): void {
		this.#reader = new ChunkReader();
		this.#turns += 1;
		this.#pushedAt = nowMs();
		void this.command({ type: 'session.send_message', message });
	}

	/** Resolves when the session row is as the condition wants it. */
	until(condition: (session: Session) => boolean): Promise<void> {
		return new Promise((resolve) => {
			this.#check = () => {
				if (!this.#session || !condition(this.#session)) return;
				this.#check = () => undefined;
				resolve();
			};
			this.#check();
		});
	}
}

export class Browser {
	readonly #ws: WebSocket;
	readonly #views = new Map<string, SessionView>();
	readonly #answers = new Map<string, (payload: Payload, failed: boolean) => void>();

	private constructor(ws: WebSocket) {
		this.#ws = ws;
		ws.on('message', (data: Buffer) => {
			const seenAt = nowMs();
			this.#receive(JSON.parse(data.toString('utf8')) as Envelope, seenAt);
		});
	}

	static async connect(origin: string, token: string): Promise<Browser> {
		const ws = new WebSocket(`${origin.replace('http', 'ws')}/ws`, {
			headers: { authorization: `Bearer ${token}`, origin },
			perMessageDeflate: false
		});
		await new Promise<void>((resolve, reject) => {
			ws.once('open', () => resolve());
			ws.once('error', reject);
		});
		return new Browser(ws);
	}

	command(payload: Payload): Promise<Payload> {
		const idempotencyKey = crypto.randomUUID();
		const answered = new Promise<Payload>((resolve, reject) =>
			this.#answers.set(idempotencyKey, (answer, failed) =>
				failed ? reject(new Error(JSON.stringify(answer))) : resolve(answer)
			)
		);
		this.#send('command', { ...payload, idempotencyKey });
		return answered;
	}

	/** Asks for a session and watches it from the moment its id is known. */
	async startSession(repoId: string, goalPrompt: string, more: Payload = {}): Promise<SessionView> {
		const pushedAt = nowMs();
		const { session } = await this.command({ type: 'session.start', repoId, goalPrompt, ...more });
		const { id } = session as Session;
		const view = new SessionView(this, id, pushedAt);
		this.#views.set(id, view);
		this.#send('subscribe', { type: 'subscribe.session', sessionId: id });
		return view;
	}

	close(): void {
		this.#ws.terminate();
	}

	#send(kind: string, payload: Payload): void {
		this.#ws.send(JSON.stringify({ v: ENVELOPE_VERSION, kind, sessionId: null, payload }));
	}

	#receive({ kind, sessionId, payload }: Envelope, seenAt: number): void {
		const answer = this.#answers.get(String(payload.commandId));
		if ((kind === 'ack' || kind === 'error') && answer) {
			this.#answers.delete(String(payload.commandId));
			return answer(payload, kind === 'error');
		}
		if (kind === 'error') throw new Error(JSON.stringify(payload));
		if (sessionId !== null) this.#views.get(sessionId)?.take(payload, seenAt);
	}
}
