/**
 * One session as a page shows it: its row, a contiguous window of its log and the messages in
 * progress. Each event is taken once and in order, whatever the connection did meanwhile: what is
 * at or below the cursor is dropped, a hole subscribes again from the cursor.
 */
import type { Decide } from '@agent-manager/protocol/requests.ts';
import type { EventPage } from '@agent-manager/protocol/responses.ts';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { PlainCommand } from '#lib/domain/plain-command.ts';
import { carryOf } from '#lib/domain/transcript-state.ts';
import { foldEvents } from '#lib/domain/transcript.ts';
import type { Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';
import type { CommandOutcome, Connection, Subscriber } from './connection.svelte.ts';
import { beforeNextPaint, type Schedule } from './frame-scheduler.ts';
import type { EventFramePayload, OutgoingPayload, SnapshotPayload } from './frames.ts';
import { Outbox } from './outbox.svelte.ts';
import { applyDelta, noPartials, resetPartials, settlePartials } from './partials.ts';

export type SessionPhase = 'loading' | 'ready' | 'failed' | 'removed';

/** The verbs of a session without a body. */
export type SessionVerb = PlainCommand;

export interface SessionControllerOptions {
	schedule?: Schedule;
	fetchPage?: (path: string) => Promise<Result<EventPage, WireError>>;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE_SIZE = 200;
/** Beyond this gap a fresh window is quicker than the missing events. */
const MAX_CATCH_UP = 5_000;
/** More is let go at the old end; `loadOlder` brings it back. */
const MAX_EVENTS = 10_000;
const KEPT_EVENTS = 8_000;
const PARTIAL_REQUEST_PAUSE_MS = 1_000;

export class SessionController {
	readonly id: string;
	readonly outbox: Outbox;
	phase = $state<SessionPhase>('loading');
	session = $state.raw<Session | null>(null);
	/** Why `phase` is `failed`. */
	error = $state.raw<WireError | null>(null);
	/** A contiguous window of the log, oldest first, up to the newest known. */
	events = $state.raw<SessionEvent[]>([]);
	/** What stands open before the window; null at the log's beginning. */
	carry = $state.raw<TranscriptCarry | null>(null);
	/** Messages that are still being produced; they come after `events`. */
	partials = $state.raw<PartialMessage[]>([]);
	loadingOlder = $state(false);
	olderError = $state.raw<WireError | null>(null);
	/** False after a lost connection until the server has answered with what was missed. */
	caughtUp = $state(false);

	readonly #connection: Connection;
	readonly #schedule: Schedule;
	readonly #fetchPage: NonNullable<SessionControllerOptions['fetchPage']>;
	readonly #subscriber: Subscriber;
	readonly #release: () => void;
	#cursor = 0;
	#windowed = false;
	#partialsState = noPartials();
	#queue: { payload: EventFramePayload; seq: number }[] = [];
	#scheduled = false;
	#resubscribing = false;
	#partialsAskedAt = 0;

	constructor(connection: Connection, id: string, options: SessionControllerOptions = {}) {
		this.id = id;
		this.outbox = new Outbox(connection, id);
		this.#connection = connection;
		this.#schedule = options.schedule ?? beforeNextPaint;
		this.#fetchPage = options.fetchPage ?? ((path) => callApi<EventPage>(path));
		this.#subscriber = {
			sessionId: id,
			request: () => this.#request(),
			release: { type: 'unsubscribe', sessionId: id },
			onSnapshot: (payload) => this.#onSnapshot(payload),
			onEvent: (payload, seq) => this.#enqueue(payload, seq),
			onError: (error) => this.#onError(error)
		};
		// The server can't even read a subscription to what is no id, so it could not name it either.
		if (UUID.test(id)) {
			this.#release = connection.subscribe(this.#subscriber);
		} else {
			this.#release = () => undefined;
			this.#onError(wireError('session_not_found', 'There is no session with this id.'));
		}
	}

	/** True when the log goes on before the window. */
	get hasOlder(): boolean {
		return (this.events[0]?.seq ?? 1) > 1;
	}

	dispose(): void {
		this.#release();
		this.#queue = [];
	}

	/** Subscribes anew after a failure. */
	reload(): void {
		this.phase = 'loading';
		this.error = null;
		this.#forgetWindow();
		this.#connection.resubscribe(this.#subscriber);
	}

	async loadOlder(): Promise<void> {
		const first = this.events[0]?.seq ?? 0;
		if (this.loadingOlder || first <= 1) return;
		this.loadingOlder = true;
		this.olderError = null;
		const path = `/api/sessions/${this.id}/events?before=${first}&limit=${PAGE_SIZE}`;
		const page = await this.#fetchPage(path);
		this.loadingOlder = false;
		if (!page.ok) {
			this.olderError = page.error;
			return;
		}
		// The window may have moved while the page was on its way.
		if (this.events[0]?.seq === first) this.join(page.value.events, page.value.carry);
	}

	/** Takes in events that go on into the window; false when something is missing between. */
	join(older: SessionEvent[], carry: TranscriptCarry | null): boolean {
		const first = this.events[0]?.seq ?? 0;
		const before = older.filter(({ seq }) => seq < first);
		if (before.length === 0 || before.at(-1)?.seq !== first - 1) return false;
		this.events = [...before, ...this.events];
		this.carry = carry;
		return true;
	}

	/** The event with this number, from the window or the API; null when it can't be had. */
	async eventAt(seq: number): Promise<SessionEvent | null> {
		const first = this.events[0]?.seq ?? 0;
		const known = this.events[seq - first];
		if (known?.seq === seq) return known;
		const page = await this.#fetchPage(
			`/api/sessions/${this.id}/events?after=${Math.max(0, seq - 1)}&limit=1`
		);
		return page.ok ? (page.value.events.find((event) => event.seq === seq) ?? null) : null;
	}

	command(verb: SessionVerb): Promise<CommandOutcome> {
		return this.#connection.command({ type: `session.${verb}`, sessionId: this.id });
	}

	rename(title: string): Promise<CommandOutcome> {
		return this.#connection.command({ type: 'session.rename', sessionId: this.id, title });
	}

	decide(decision: Decide): Promise<CommandOutcome> {
		return this.#connection.command({
			type: 'session.decide',
			sessionId: this.id,
			...decision
		});
	}

	#request(): OutgoingPayload {
		this.#resubscribing = true;
		this.caughtUp = false;
		const base = { type: 'subscribe.session', sessionId: this.id } as const;
		return this.#windowed ? { ...base, afterSeq: this.#cursor } : base;
	}

	#forgetWindow(): void {
		this.#windowed = false;
		this.#cursor = 0;
		this.#queue = [];
		this.events = [];
		this.carry = null;
	}

	#onSnapshot(payload: SnapshotPayload): void {
		if (payload.type !== 'session') return;
		this.#flush();
		const gap = payload.head - this.#cursor;
		const unusable = this.#resubscribing && (gap < 0 || gap > MAX_CATCH_UP);
		if (this.#windowed && unusable) {
			// A database that was put back, or a very long absence: the window is of no use.
			this.#forgetWindow();
			this.#connection.resubscribe(this.#subscriber);
			return;
		}
		this.#resubscribing = false;
		if (!this.#windowed) {
			this.events = payload.events;
			this.carry = payload.carry;
			this.#cursor = payload.events.at(-1)?.seq ?? payload.head;
			this.#windowed = true;
			this.#settleOutbox(payload.events);
		}
		this.session = payload.session;
		this.#setPartials(resetPartials(payload.partials));
		this.phase = 'ready';
		this.error = null;
		this.caughtUp = this.#cursor >= payload.head;
	}

	#onError(error: WireError): void {
		this.#resubscribing = false;
		this.error = error;
		this.phase = 'failed';
	}

	#enqueue(payload: EventFramePayload, seq: number): void {
		this.#queue.push({ payload, seq });
		if (this.#scheduled) return;
		this.#scheduled = true;
		this.#schedule(() => {
			this.#scheduled = false;
			this.#flush();
		});
	}

	#flush(): void {
		const queue = this.#queue;
		if (queue.length === 0) return;
		this.#queue = [];
		const added: SessionEvent[] = [];
		let partials = this.#partialsState;
		for (const { payload } of queue) {
			switch (payload.type) {
				case 'event':
					if (this.#take(payload.event)) {
						added.push(payload.event);
						partials = settlePartials(partials, payload.event);
					}
					break;
				case 'delta': {
					const grown = applyDelta(partials, payload.delta);
					if (grown) partials = grown;
					else this.#askForPartials();
					break;
				}
				case 'session':
					// The list's row of the same session comes a moment later and may be older.
					if (payload.session.head >= (this.session?.head ?? 0)) this.session = payload.session;
					break;
				case 'session_removed':
					this.phase = 'removed';
					break;
				case 'heartbeat':
					this.#checkHead(payload.head);
			}
		}
		if (added.length > 0) this.#append(added);
		this.#setPartials(partials);
	}

	/** True when the event is the next one. */
	#take(event: SessionEvent): boolean {
		if (!this.#windowed || event.seq <= this.#cursor) return false;
		if (event.seq > this.#cursor + 1) {
			this.#fillHole();
			return false;
		}
		this.#cursor = event.seq;
		return true;
	}

	#append(added: SessionEvent[]): void {
		this.events = [...this.events, ...added];
		if (this.events.length > MAX_EVENTS) this.#letGo(this.events.length - KEPT_EVENTS);
		this.#settleOutbox(added);
		this.caughtUp = true;
	}

	/** Lets go of the window's oldest events; what they left open goes on. */
	#letGo(count: number): void {
		this.carry = carryOf(foldEvents(this.events.slice(0, count), this.carry));
		this.events = this.events.slice(count);
	}

	#checkHead(head: number): void {
		if (head > this.#cursor) this.#fillHole();
		else this.caughtUp = true;
	}

	#fillHole(): void {
		if (this.#resubscribing) return;
		this.#connection.resubscribe(this.#subscriber);
	}

	#askForPartials(): void {
		const now = Date.now();
		if (now - this.#partialsAskedAt < PARTIAL_REQUEST_PAUSE_MS) return;
		this.#partialsAskedAt = now;
		this.#connection.notify({ type: 'snapshot.request', sessionId: this.id });
	}

	#setPartials(state: ReturnType<typeof noPartials>): void {
		if (state === this.#partialsState) return;
		this.#partialsState = state;
		this.partials = state.messages;
	}

	#settleOutbox(events: SessionEvent[]): void {
		if (this.outbox.messages.length === 0) return;
		for (const event of events) {
			if (event.type === 'message.accepted') this.outbox.stored(String(event.payload.commandId));
		}
	}
}
