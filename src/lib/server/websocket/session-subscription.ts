/**
 * One viewer of one session. Replay and tail are the same code: a cursor, and a pull of what comes
 * after it until nothing does. A wake-up only says that there is more.
 */
import { BROWSER_CLOSE } from '@agent-manager/protocol/browser-frames.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { OPENING_EVENTS } from '#lib/server/sessions/session-service.ts';
import type { SessionSignal } from '#lib/server/sessions/hub.ts';
import type { BrowserConnection, BrowserServices } from './browser-connection.ts';

const PAGE = 500;
/** Above this much unsent, nothing more is pulled and deltas are left out. */
const BUFFER_MAX_BYTES = 1_048_576;
/** A viewer that takes nothing for so long is closed; it resumes by its cursor. */
const STALL_MS = 30_000;

export class SessionSubscription {
	readonly #connection: BrowserConnection;
	readonly #services: BrowserServices;
	readonly #sessionId: SessionId;
	readonly #stopListening: () => void;
	/** null until the opening snapshot is sent. */
	#cursor: number | null = null;
	#pulling = false;
	#again = false;
	#ended = false;
	/** Deltas were left out: the next free moment needs a snapshot of the partial messages. */
	#skippedDeltas = false;
	#stall: NodeJS.Timeout | null = null;

	constructor(connection: BrowserConnection, services: BrowserServices, sessionId: SessionId) {
		this.#connection = connection;
		this.#services = services;
		this.#sessionId = sessionId;
		this.#stopListening = services.hub.onSession(sessionId, (signal) => this.#hear(signal));
	}

	/** Opens with a snapshot, then follows; with `afterSeq` every event after it comes as such. */
	async begin(afterSeq: number | undefined): Promise<void> {
		if (afterSeq === undefined) {
			this.#cursor = await this.#sendSnapshot(OPENING_EVENTS);
		} else {
			const head = await this.#sendSnapshot(0);
			this.#cursor = head === null ? null : Math.min(afterSeq, head);
		}
		await this.#pull();
	}

	/** The session and its partial messages as of now; the cursor stays. */
	async snapshot(): Promise<void> {
		await this.#sendSnapshot(0);
	}

	heartbeat(): void {
		const head = this.#services.log.head(this.#sessionId);
		this.#connection.send('event', this.#sessionId, head, { type: 'heartbeat', head });
	}

	end(): void {
		this.#ended = true;
		this.#stopListening();
		if (this.#stall) clearTimeout(this.#stall);
	}

	async #sendSnapshot(count: number): Promise<number | null> {
		const { sessions, partials } = this.#services;
		const opened = count > 0 ? await sessions.open(this.#sessionId) : await this.#withoutEvents();
		if (!opened.ok || this.#ended) {
			if (!opened.ok) {
				this.#connection.send('error', this.#sessionId, null, {
					re: 'snapshot.request',
					error: opened.error
				});
			}
			return null;
		}
		const { session, events, head } = opened.value;
		this.#connection.send('snapshot', this.#sessionId, head, {
			type: 'session',
			session,
			events,
			head,
			partials: partials(this.#sessionId)
		});
		return head;
	}

	async #withoutEvents() {
		const found = await this.#services.sessions.get(this.#sessionId);
		return found.ok
			? { ok: true as const, value: { session: found.value, events: [], head: found.value.head } }
			: found;
	}

	#hear(signal: SessionSignal): void {
		if (this.#cursor === null) return;
		switch (signal.type) {
			case 'head':
				void this.#pull();
				return;
			case 'partials':
				void this.snapshot();
				return;
			case 'session':
				if (this.#connection.bufferedBytes > BUFFER_MAX_BYTES) return;
				this.#connection.send('event', this.#sessionId, signal.session.head, signal);
				return;
			case 'delta':
				// A viewer that is behind gets the stored message anyway; the piece would overtake it.
				if (this.#connection.bufferedBytes > BUFFER_MAX_BYTES || this.#cursor < signal.head) {
					this.#skippedDeltas = true;
					return;
				}
				this.#connection.sendJson(
					'event',
					this.#sessionId,
					signal.head,
					`{"type":"delta","delta":${signal.json}}`
				);
		}
	}

	async #pull(): Promise<void> {
		this.#again = true;
		if (this.#pulling) return;
		this.#pulling = true;
		try {
			while (this.#again && !this.#ended && this.#cursor !== null) {
				this.#again = false;
				await this.#pullPage(this.#cursor);
			}
		} catch (cause) {
			this.#services.logger.warn({ err: cause, sessionId: this.#sessionId }, 'a pull failed');
			this.#connection.close(BROWSER_CLOSE.goingAway, 'the log could not be read');
		} finally {
			this.#pulling = false;
		}
	}

	async #pullPage(cursor: number): Promise<void> {
		if (this.#connection.bufferedBytes > BUFFER_MAX_BYTES) return this.#waitForDrain();
		const page = await this.#services.log.readAfter(this.#sessionId, cursor, PAGE);
		if (this.#ended) return;
		for (const { seq, json } of page) {
			this.#connection.sendJson('event', this.#sessionId, seq, `{"type":"event","event":${json}}`);
			this.#cursor = seq;
		}
		if (page.length > 0) this.#again = true;
		else if (this.#skippedDeltas) {
			this.#skippedDeltas = false;
			await this.snapshot();
		}
	}

	/** The last frame's way out of this process is the signal; nothing more is queued until then. */
	#waitForDrain(): Promise<void> {
		return new Promise((resolve) => {
			this.#stall = setTimeout(() => {
				this.#connection.close(BROWSER_CLOSE.tooSlow, 'the viewer does not keep up');
				resolve();
			}, STALL_MS);
			const head = this.#services.log.head(this.#sessionId);
			this.#connection.sendJson(
				'event',
				this.#sessionId,
				head,
				`{"type":"heartbeat","head":${head}}`,
				() => {
					if (this.#stall) clearTimeout(this.#stall);
					this.#again = true;
					resolve();
				}
			);
		});
	}
}
