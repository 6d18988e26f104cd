/**
 * Finding words in a whole session. The server answers in pieces, from the newest event back; they are
 * asked for one after another until the log's beginning, and what was found is shown meanwhile.
 */
import type { SearchAnswer, SearchHit } from '@agent-manager/protocol/transcript-places.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';

type Ask = (path: string, signal: AbortSignal) => Promise<Result<SearchAnswer, WireError>>;

const TYPING_PAUSE_MS = 120;
/** More hits than anybody steps through. */
const MAX_HITS = 1_000;
const QUERY_MAX_LENGTH = 200;

export class FindController {
	open = $state(false);
	query = $state('');
	/** Oldest first, as the transcript has them. */
	hits = $state.raw<SearchHit[]>([]);
	/** Index into `hits`; -1 before one is chosen. */
	current = $state(-1);
	searching = $state(false);
	/** There are more hits than are listed. */
	capped = $state(false);
	error = $state.raw<WireError | null>(null);
	readonly #path: string;
	readonly #ask: Ask;
	#abort = new AbortController();
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(
		sessionId: string,
		ask: Ask = (path, signal) => callApi<SearchAnswer>(path, { signal })
	) {
		this.#path = `/api/sessions/${sessionId}/search`;
		this.#ask = ask;
	}

	/** Takes what was typed; asked for once the typing pauses. */
	type(query: string): void {
		this.query = query.slice(0, QUERY_MAX_LENGTH);
		this.#forget();
		if (this.query.trim() === '') return;
		this.searching = true;
		this.#timer = setTimeout(() => void this.#search(this.query), TYPING_PAUSE_MS);
	}

	/** The hit to go to: up is older. At the ends it goes round. */
	step(by: 1 | -1): SearchHit | null {
		const count = this.hits.length;
		if (count === 0) return null;
		// The newest is nearest to where one mostly is.
		this.current = this.current === -1 ? count - 1 : (this.current + by + count) % count;
		return this.hits[this.current] ?? null;
	}

	choose(hit: SearchHit): void {
		this.current = this.hits.indexOf(hit);
	}

	close(): void {
		this.open = false;
		this.#forget();
		this.query = '';
	}

	#forget(): void {
		clearTimeout(this.#timer);
		this.#abort.abort();
		this.hits = [];
		this.current = -1;
		this.searching = false;
		this.capped = false;
		this.error = null;
	}

	async #search(query: string): Promise<void> {
		const abort = (this.#abort = new AbortController());
		let before: number | null = null;
		do {
			const parameters = new URLSearchParams({ q: query });
			if (before !== null) parameters.set('before', String(before));
			const answer = await this.#ask(`${this.#path}?${parameters}`, abort.signal);
			if (abort.signal.aborted) return;
			if (!answer.ok) {
				this.error = answer.error;
				break;
			}
			const { hits, searchedTo } = answer.value;
			this.hits = [...hits.toReversed(), ...this.hits];
			if (this.current !== -1) this.current += hits.length;
			before = searchedTo;
		} while (before > 1 && this.hits.length < MAX_HITS);
		this.capped = before !== null && before > 1 && this.error === null;
		this.searching = false;
	}
}
