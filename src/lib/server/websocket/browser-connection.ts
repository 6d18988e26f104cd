/** One browser, or any program, at `/ws`: parses its frames, runs its commands, keeps its subscriptions. */
import type { WebSocket } from 'ws';
import {
	BROWSER_CLOSE,
	clientEnvelopeSchema,
	clientPayloadSchema,
	type ClientPayload,
	type Envelope
} from '@agent-manager/protocol/browser-frames.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { ENVELOPE_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import { wireError } from '#lib/domain/errors.ts';
import { runClientCommand } from './client-commands.ts';
import { ListSubscription } from './list-subscription.ts';
import { SessionSubscription } from './session-subscription.ts';
import type { BrowserServices, Viewer } from './viewer.ts';

/** Bad frames that one connection may send before it is closed. */
const BAD_FRAMES_MAX = 20;
const PING_MS = 15_000;
const SUBSCRIPTIONS_MAX = 200;
/** A client that asks and does not read is closed above this much unsent. */
const ANSWERS_MAX_BYTES = 64 * 1_048_576;
const ASKS_TO_BE_TOLD: ReadonlySet<ClientPayload['type']> = new Set([
	'subscribe.session',
	'subscribe.repo',
	'subscribe.repo_list',
	'snapshot.request'
]);

const sessionOf = (payload: ClientPayload): SessionId | null =>
	('sessionId' in payload ? payload.sessionId : null) ?? null;

export class BrowserConnection implements Viewer {
	readonly #ws: WebSocket;
	readonly #services: BrowserServices;
	readonly #sessions = new Map<SessionId, SessionSubscription>();
	readonly #list: ListSubscription;
	readonly #ping: NodeJS.Timeout;
	#turn: Promise<void> = Promise.resolve();
	#counter = 0;
	#badFrames = 0;
	#alive = true;

	constructor(ws: WebSocket, services: BrowserServices) {
		this.#ws = ws;
		this.#services = services;
		this.#list = new ListSubscription(this, services);
		this.#ping = setInterval(() => this.#heartbeat(), PING_MS);
		ws.on('message', (data, isBinary) => this.#receiveSafely(data as Buffer, isBinary));
		ws.on('pong', () => (this.#alive = true));
		ws.on('error', (cause) => services.logger.debug({ err: cause }, 'browser connection failed'));
		ws.on('close', () => this.#end());
	}

	get bufferedBytes(): number {
		return this.#ws.bufferedAmount;
	}

	get #isOpen(): boolean {
		return this.#ws.readyState === this.#ws.OPEN;
	}

	sendJson(
		kind: Envelope['kind'],
		sessionId: SessionId | null,
		seq: number | null,
		payloadJson: string
	): void {
		if (!this.#isOpen) return;
		const ts = this.#services.now().toISOString();
		const frame =
			`{"v":${ENVELOPE_VERSION},"kind":"${kind}","sessionId":${sessionId ? `"${sessionId}"` : 'null'},` +
			`"ts":"${ts}","seq":${seq ?? ++this.#counter},"payload":${payloadJson}}`;
		this.#ws.send(frame);
	}

	whenWritten(callback: () => void): void {
		if (this.#isOpen) this.#ws.ping('', false, callback);
	}

	send(
		kind: Envelope['kind'],
		sessionId: SessionId | null,
		seq: number | null,
		payload: object
	): void {
		this.sendJson(kind, sessionId, seq, JSON.stringify(payload));
	}

	close(code: number, reason: string): void {
		this.#ws.close(code, reason);
	}

	#heartbeat(): void {
		if (!this.#alive) return this.#ws.terminate();
		this.#alive = false;
		this.#ws.ping();
		for (const subscription of this.#sessions.values()) subscription.heartbeat();
	}

	#end(): void {
		clearInterval(this.#ping);
		for (const subscription of this.#sessions.values()) subscription.end();
		this.#sessions.clear();
		this.#list.end();
	}

	/** Says what is wrong with a frame; `re` names its type. */
	refuse(
		error: WireError,
		sessionId: SessionId | null,
		re: string | null = 'subscribe.session',
		commandId?: string
	): void {
		this.send('error', sessionId, null, { re, error, ...(commandId ? { commandId } : {}) });
	}

	#refuseFrame(error: WireError): void {
		this.refuse(error, null, null);
		if (++this.#badFrames > BAD_FRAMES_MAX) {
			this.#ws.close(BROWSER_CLOSE.protocol, 'too many frames that could not be read');
		}
	}

	/** Nothing that a client sends may end more than its own connection. */
	#receiveSafely(data: Buffer, isBinary: boolean): void {
		if (this.bufferedBytes > ANSWERS_MAX_BYTES) {
			return this.#ws.close(BROWSER_CLOSE.tooSlow, 'the answers are not read');
		}
		try {
			this.#receive(data.toString(), isBinary);
		} catch (cause) {
			this.#services.logger.warn({ err: cause }, 'browser frame failed');
			this.#refuseFrame(wireError('bad_request', 'The frame could not be read.'));
		}
	}

	#receive(text: string, isBinary: boolean): void {
		if (isBinary) return this.#refuseFrame(wireError('bad_request', 'Frames are JSON text.'));
		let parsed: unknown;
		try {
			parsed = JSON.parse(text);
		} catch {
			return this.#refuseFrame(wireError('bad_request', 'The frame is not valid JSON.'));
		}
		if ((parsed as { v?: unknown } | null)?.v !== ENVELOPE_VERSION) {
			return this.#refuseFrame(
				wireError('unsupported_protocol', `Frames have v: ${ENVELOPE_VERSION}.`)
			);
		}
		const envelope = clientEnvelopeSchema.safeParse(parsed);
		if (!envelope.success) return this.#refuseFrame(this.#problem(envelope.error.issues));
		// The mission's own example names the session in the envelope; either place is right.
		const payload = clientPayloadSchema.safeParse({
			...(envelope.data.sessionId ? { sessionId: envelope.data.sessionId } : {}),
			...envelope.data.payload
		});
		if (!payload.success) return this.#refuseFrame(this.#problem(payload.error.issues));
		this.#handle(payload.data).catch((cause: unknown) => {
			this.#services.logger.error({ err: cause, type: payload.data.type }, 'frame failed');
			// Who asked to be told of changes would wait for ever; it comes back and asks again.
			if (ASKS_TO_BE_TOLD.has(payload.data.type)) {
				return this.close(BROWSER_CLOSE.goingAway, 'what was asked for could not be read');
			}
			const { type } = payload.data;
			const key = 'idempotencyKey' in payload.data ? payload.data.idempotencyKey : undefined;
			this.refuse(this.#services.explain(cause), sessionOf(payload.data), type, key);
		});
	}

	#problem(issues: readonly { path: PropertyKey[]; message: string }[]): WireError {
		const first = issues[0];
		return wireError(
			'bad_request',
			`${first?.path.join('.') || 'frame'}: ${first?.message ?? 'is not valid'}`
		);
	}

	async #handle(payload: ClientPayload): Promise<void> {
		switch (payload.type) {
			case 'subscribe.session':
				return this.#inTurn(() => this.#subscribeSession(payload.sessionId, payload.afterSeq));
			case 'subscribe.repo':
				return this.#list.addRepo(payload.repoId);
			case 'subscribe.repo_list':
				return this.#list.addAll();
			case 'unsubscribe':
				return this.#inTurn(async () =>
					this.#unsubscribe(payload.sessionId, payload.repoId, payload.repoList)
				);
			case 'snapshot.request':
				return this.#snapshot(payload.sessionId);
			default: {
				const sessionId = sessionOf(payload);
				const result = await runClientCommand(this.#services, payload);
				const key = 'idempotencyKey' in payload ? payload.idempotencyKey : undefined;
				if (!result.ok) return this.refuse(result.error, sessionId, payload.type, key);
				this.send('ack', sessionId, null, { re: payload.type, ...result.value });
			}
		}
	}

	/** An unsubscribe can't overtake the subscribe before it. */
	#inTurn(work: () => Promise<void>): Promise<void> {
		const done = this.#turn.then(work);
		this.#turn = done.catch(() => undefined);
		return done;
	}

	async #subscribeSession(sessionId: SessionId, afterSeq: number | undefined): Promise<void> {
		if (!(await this.#services.sessions.find(sessionId))) {
			return this.refuse(
				wireError('session_not_found', 'There is no session with this id.'),
				sessionId,
				'subscribe.session'
			);
		}
		// Gone while it was looked for: a subscription made now would never be ended.
		if (!this.#isOpen) return;
		if (this.#sessions.size >= SUBSCRIPTIONS_MAX && !this.#sessions.has(sessionId)) {
			const limit = wireError('bad_request', `At most ${SUBSCRIPTIONS_MAX} sessions at once.`);
			return this.refuse(limit, sessionId, 'subscribe.session');
		}
		this.#sessions.get(sessionId)?.end();
		const subscription = new SessionSubscription(this, this.#services, sessionId);
		this.#sessions.set(sessionId, subscription);
		this.send('ack', sessionId, null, { re: 'subscribe.session' });
		await subscription.begin(afterSeq);
	}

	#unsubscribe(sessionId?: SessionId, repoId?: RepoId, repoList?: boolean): void {
		if (sessionId) {
			this.#sessions.get(sessionId)?.end();
			this.#sessions.delete(sessionId);
		}
		if (repoId) this.#list.removeRepo(repoId);
		if (repoList) this.#list.removeAll();
		this.send('ack', sessionId ?? null, null, { re: 'unsubscribe' });
	}

	async #snapshot(sessionId: SessionId): Promise<void> {
		const subscription = this.#sessions.get(sessionId);
		if (subscription) return subscription.snapshot();
		const once = new SessionSubscription(this, this.#services, sessionId);
		await once.sendOnce();
		once.end();
	}
}
