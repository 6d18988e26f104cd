/**
 * The part of a session's log that its page shows: the live end, or a stretch further up where somebody
 * went by a link, a hit or a landmark. Such a stretch grows at both its ends as one scrolls, and where
 * it reaches the live end it becomes part of it, so that one goes on reading into what happens now.
 */
import type { EventPage } from '@agent-manager/protocol/responses.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { carryOf } from '#lib/domain/transcript-state.ts';
import { foldEvents } from '#lib/domain/transcript.ts';
import { callApi } from './api-client.ts';
import type { SessionController } from './session-controller.svelte.ts';

interface Stretch {
	events: SessionEvent[];
	carry: TranscriptCarry | null;
}

type LiveEnd = Pick<
	SessionController,
	'id' | 'events' | 'carry' | 'hasOlder' | 'loadOlder' | 'join'
>;

const PAGE_SIZE = 200;
/** As many events after the one that is gone to come with the first page. */
const AFTER = 100;
/** More is let go at the old end; scrolling up brings it back. */
const MAX_EVENTS = 10_000;
const KEPT_EVENTS = 8_000;

export class ReadingWindow {
	#away = $state.raw<Stretch | null>(null);
	#loading = false;
	readonly #live: LiveEnd;
	readonly #fetchPage: (path: string) => Promise<Result<EventPage, WireError>>;

	constructor(
		live: LiveEnd,
		fetchPage: (path: string) => Promise<Result<EventPage, WireError>> = (path) =>
			callApi<EventPage>(path)
	) {
		this.#live = live;
		this.#fetchPage = fetchPage;
	}

	get events(): SessionEvent[] {
		return this.#away?.events ?? this.#live.events;
	}

	get carry(): TranscriptCarry | null {
		return this.#away ? this.#away.carry : this.#live.carry;
	}

	/** The window goes up to what happens now. */
	get atEnd(): boolean {
		return this.#away === null;
	}

	/** Newest event of the live end. */
	get head(): number {
		return this.#live.events.at(-1)?.seq ?? 0;
	}

	get hasOlder(): boolean {
		return this.#away ? (this.#away.events[0]?.seq ?? 1) > 1 : this.#live.hasOlder;
	}

	eventAt(seq: number): SessionEvent | null {
		const event = this.events[seq - (this.events[0]?.seq ?? 0)];
		return event?.seq === seq ? event : null;
	}

	/** Back to what happens now. */
	toEnd(): void {
		this.#away = null;
	}

	/** Makes the window one that holds the event; why it can't, else. */
	async goTo(seq: number): Promise<Result<null, WireError | null>> {
		if (this.eventAt(seq)) return { ok: true, value: null };
		const page = await this.#page(`before=${seq + AFTER + 1}`);
		if (!page.ok) return page;
		const { events, carry } = page.value;
		if (!events.some((event) => event.seq === seq)) return { ok: false, error: null };
		this.#away = { events, carry };
		this.meet();
		return { ok: true, value: null };
	}

	/** To be called when either window has changed: once they touch they are one. */
	meet(): void {
		const away = this.#away;
		const first = this.#live.events[0]?.seq;
		if (!away || first === undefined || (away.events.at(-1)?.seq ?? 0) < first - 1) return;
		const isWithin = (away.events[0]?.seq ?? 0) >= first;
		if (isWithin || this.#live.join(away.events, away.carry)) this.#away = null;
	}

	async loadOlder(): Promise<void> {
		const away = this.#away;
		if (!away) return this.#live.loadOlder();
		const first = away.events[0]?.seq ?? 1;
		if (first <= 1) return;
		const page = await this.#page(`before=${first}`);
		if (!page.ok || this.#away?.events[0]?.seq !== first) return;
		const { events, carry } = page.value;
		this.#away = { events: [...events, ...this.#away.events], carry };
	}

	async loadNewer(): Promise<void> {
		const away = this.#away;
		const last = away?.events.at(-1)?.seq;
		if (last === undefined || this.#loading) return;
		this.#loading = true;
		const page = await this.#page(`after=${last}`);
		this.#loading = false;
		if (!page.ok || this.#away?.events.at(-1)?.seq !== last) return;
		this.#away = bounded({
			events: [...this.#away.events, ...page.value.events],
			carry: this.#away.carry
		});
		this.meet();
	}

	#page(query: string): Promise<Result<EventPage, WireError>> {
		return this.#fetchPage(`/api/sessions/${this.#live.id}/events?${query}&limit=${PAGE_SIZE}`);
	}
}

/** Lets go of the oldest events; what they left open goes on. */
const bounded = ({ events, carry }: Stretch): Stretch => {
	if (events.length <= MAX_EVENTS) return { events, carry };
	const count = events.length - KEPT_EVENTS;
	return {
		events: events.slice(count),
		carry: carryOf(foldEvents(events.slice(0, count), carry))
	};
};
