/**
 * A session's transcript for its page: folds the window of events that the session's controller
 * holds, puts what is being said behind it, and remembers which cards a person opened. Events are
 * folded once; only when the window changes at its old end is it folded anew.
 */
import { SvelteSet } from 'svelte/reactivity';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import { EMPTY_TRANSCRIPT_HASH, extendTranscriptHash } from '#lib/domain/canonical-json.ts';
import { activityOf } from '#lib/domain/transcript-activity.ts';
import type { Activity, Block, Todo } from '#lib/domain/transcript-blocks.ts';
import { groupRuns } from '#lib/domain/transcript-groups.ts';
import { keyOfEvent } from '#lib/domain/transcript-place.ts';
import { unstoredPartials, withLiveBlocks } from '#lib/domain/transcript-partials.ts';
import { blocksOf, emptyTranscript } from '#lib/domain/transcript-state.ts';
import { foldEvents, foldInto } from '#lib/domain/transcript.ts';
import { whenIdle, type WhenIdle } from './when-idle.ts';

const HASHED_AT_ONCE = 200;

/** Which events the hash covers. */
export interface HashedWindow {
	first: number;
	head: number;
	hash: string;
}

export class TranscriptController {
	blocks = $state.raw<Block[]>([]);
	todos = $state.raw<Todo[]>([]);
	activity = $state.raw<Activity>({ kind: 'idle' });
	/** When the open turn began, ISO 8601; null between turns. */
	turnStartedAt = $state.raw<string | null>(null);
	interruptAsked = $state(false);
	/** When something was last heard: an event, or a piece of what is being said. */
	movedAtMs = $state.raw<number | null>(null);
	/** Trails the events: computed when the page is idle. */
	hashed = $state.raw<HashedWindow | null>(null);
	/** How often the window's old end moved: a list keeps its place by its new end then. */
	startChanges = $state(0);
	/** How often another window took the place of the one before: a list begins anew then. */
	resets = $state(0);

	readonly #opened = new SvelteSet<string>();
	readonly #closed = new SvelteSet<string>();
	readonly #whenIdle: WhenIdle;
	#events: SessionEvent[] = [];
	#showsQueued = true;
	#partials: PartialMessage[] = [];
	#carry: TranscriptCarry | null = null;
	#state = emptyTranscript();
	#stored: Block[] | null = null;
	#hashedCount = 0;
	#hash = EMPTY_TRANSCRIPT_HASH;
	#cancelHash: (() => void) | null = null;

	constructor(idle: WhenIdle = whenIdle) {
		this.#whenIdle = idle;
	}

	/** Starts over with a window of events, oldest first, and what is being said after them. */
	reset(
		events: SessionEvent[],
		partials: PartialMessage[],
		carry: TranscriptCarry | null = null
	): void {
		this.#carry = carry;
		if (this.#events.length > 0) this.resets += 1;
		this.#fold(events);
		this.#partials = partials;
		this.#publish();
	}

	/** Takes in events that follow the window. */
	append(events: SessionEvent[]): void {
		for (const event of events) {
			if (event.seq <= this.#state.head) continue;
			foldInto(this.#state, event);
			this.#events.push(event);
		}
		this.#stored = null;
		this.#publish();
	}

	/** Takes in events that come right before the window. */
	prepend(older: SessionEvent[], carry: TranscriptCarry | null = null): void {
		const first = this.#events[0]?.seq ?? Infinity;
		const before = older.filter((event) => event.seq < first);
		if (before.length === 0) return;
		this.#carry = carry;
		this.#fold([...before, ...this.#events]);
		this.startChanges += 1;
		this.#publish();
	}

	setPartials(partials: PartialMessage[]): void {
		if (partials === this.#partials) return;
		this.#partials = partials;
		this.#publish();
	}

	/** Makes the transcript that of this window, with the least work: what is known stays folded. */
	sync(
		events: SessionEvent[],
		partials: PartialMessage[],
		carry: TranscriptCarry | null = null
	): void {
		const first = events[0]?.seq ?? 0;
		const known = this.#events[0]?.seq ?? 0;
		const { head } = this.#state;
		const overlaps = known > 0 && first > 0 && first <= head && (events.at(-1)?.seq ?? 0) >= head;
		if (overlaps && partials !== this.#partials) this.movedAtMs = Date.now();
		this.#partials = partials;
		if (!overlaps) {
			this.reset(events, partials, carry);
		} else if (first === known) {
			this.append(events.slice(head + 1 - first));
		} else {
			this.#carry = carry;
			this.#fold(events);
			this.startChanges += 1;
			this.#publish();
		}
	}

	/** Whether messages that wait stand at the end of the transcript. */
	showQueued(shown: boolean): void {
		if (this.#showsQueued === shown) return;
		this.#showsQueued = shown;
		this.#publish();
	}

	/** An event of the window. */
	eventAt(seq: number): SessionEvent | null {
		const event = this.#events[seq - (this.#events[0]?.seq ?? 0)];
		return event?.seq === seq ? event : null;
	}

	/** What a block was made of, as far as the window has it. */
	eventsOf(block: Block): SessionEvent[] {
		const parts = block.kind === 'group' ? block.children : [block];
		return this.#events.filter((event) =>
			parts.some(({ seq, key }) => event.seq === seq || keyOfEvent(event) === key)
		);
	}

	/** Whether a card is open: as the person left it, else as its kind begins. */
	isOpen(key: string, initially: boolean): boolean {
		return initially ? !this.#closed.has(key) : this.#opened.has(key);
	}

	setOpen(key: string, open: boolean): void {
		if (open) {
			this.#opened.add(key);
			this.#closed.delete(key);
		} else {
			this.#closed.add(key);
			this.#opened.delete(key);
		}
	}

	dispose(): void {
		this.#cancelHash?.();
		this.#cancelHash = null;
	}

	#fold(events: SessionEvent[]): void {
		this.#events = events.slice();
		this.#state = foldEvents(this.#events, this.#carry);
		this.#stored = null;
		this.#hashedCount = 0;
		this.#hash = EMPTY_TRANSCRIPT_HASH;
	}

	#publish(): void {
		const state = this.#state;
		this.#stored ??= groupRuns(blocksOf(state));
		const partials = unstoredPartials(state, this.#partials);
		this.blocks = withLiveBlocks(this.#stored, partials, this.#showsQueued ? state.queued : []);
		this.todos = state.todos;
		this.activity = activityOf(state, partials);
		this.turnStartedAt = state.turn?.startedAt ?? null;
		this.interruptAsked = state.interruptAsked;
		const newest = Date.parse(this.#events.at(-1)?.ts ?? '');
		if (newest > (this.movedAtMs ?? 0)) this.movedAtMs = newest;
		this.#hashLater();
	}

	#hashLater(): void {
		if (this.#cancelHash || this.#hashedCount >= this.#events.length) return;
		this.#cancelHash = this.#whenIdle(() => {
			this.#cancelHash = null;
			const end = Math.min(this.#events.length, this.#hashedCount + HASHED_AT_ONCE);
			for (const event of this.#events.slice(this.#hashedCount, end)) {
				this.#hash = extendTranscriptHash(this.#hash, event);
			}
			this.#hashedCount = end;
			if (end < this.#events.length) {
				this.#hashLater();
				return;
			}
			const first = this.#events[0]?.seq ?? 0;
			this.hashed = { first, head: this.#state.head, hash: this.#hash };
		});
	}
}
