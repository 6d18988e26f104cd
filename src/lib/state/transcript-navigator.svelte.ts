/**
 * Where somebody goes in a transcript: to an event, to the prompt or error before or after. It says which
 * place is meant; the list brings it into view.
 */
import type { Landmark, LandmarksAnswer } from '@agent-manager/protocol/transcript-places.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';
import type { ReadingWindow } from './reading-window.svelte.ts';

export interface Target {
	seq: number;
	/** Words that are looked for: where they stand, they are marked. */
	words: string | null;
}

type AskLandmarks = (path: string) => Promise<Result<LandmarksAnswer, WireError>>;

export class TranscriptNavigator {
	/** Brought into view once for each new object. */
	target = $state.raw<Target | null>(null);
	landmarks = $state.raw<Landmark[]>([]);
	/** How long the log was when the landmarks were read. */
	landmarksHead = $state(0);
	/** First event in view; the list sets it. */
	viewSeq = $state(0);
	/** Last event in view. */
	viewEndSeq = $state(0);

	readonly window: ReadingWindow;
	readonly #path: string;
	readonly #ask: AskLandmarks;
	/** Where one went last, until one scrolls on by hand. */
	#from: number | null = null;
	#going = 0;

	constructor(
		window: ReadingWindow,
		sessionId: string,
		ask: AskLandmarks = (path) => callApi<LandmarksAnswer>(path)
	) {
		this.window = window;
		this.#path = `/api/sessions/${sessionId}/landmarks`;
		this.#ask = ask;
	}

	/** Goes there; words in plain English when that is not possible. */
	async goTo(seq: number, words: string | null = null): Promise<string | null> {
		const turn = ++this.#going;
		const found = await this.window.goTo(seq);
		// Somebody has gone elsewhere meanwhile.
		if (turn !== this.#going) return null;
		if (!found.ok) return found.error?.message ?? `There is no event ${seq} in this session.`;
		this.#from = seq;
		this.target = { seq, words };
		return null;
	}

	toEnd(): void {
		this.#going += 1;
		this.#from = null;
		this.target = null;
		this.window.toEnd();
	}

	unmark(): void {
		this.target = null;
	}

	/** Somebody scrolls by hand: from here on that is where they are. */
	scrolled(): void {
		this.#from = null;
	}

	/** To the next prompt or error from where one reads, `by` 1 down and -1 up; words when there is none. */
	async step(kind: Landmark['kind'], by: 1 | -1): Promise<string | null> {
		await this.refresh();
		const from = this.#from ?? (by === 1 ? this.viewSeq : this.viewSeq + 1);
		const places = this.landmarks.filter((landmark) => landmark.kind === kind);
		const next =
			by === 1 ? places.find(({ seq }) => seq > from) : places.findLast(({ seq }) => seq < from);
		if (next) return this.goTo(next.seq);
		return `No ${by === 1 ? 'later' : 'earlier'} ${kind}.`;
	}

	/** Reads the landmarks, if the log has grown since. */
	async refresh(): Promise<void> {
		if (this.landmarksHead > 0 && this.window.head <= this.landmarksHead) return;
		const answer = await this.#ask(this.#path);
		if (!answer.ok) return;
		this.landmarks = answer.value.landmarks;
		this.landmarksHead = answer.value.head;
	}
}
