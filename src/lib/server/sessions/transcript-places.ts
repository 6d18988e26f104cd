/** Finds places in a session's transcript, however long that is: hits of a search, prompts, errors. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type {
	LandmarksAnswer,
	SearchAnswer,
	SearchHit,
	SearchQuery
} from '@agent-manager/protocol/transcript-places.ts';
import { wireError } from '#lib/domain/errors.ts';
import { findInEvent } from '#lib/domain/event-text.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import {
	readCandidates,
	readLandmarks,
	readTurnStarts,
	type Candidate
} from '#lib/server/db/transcript-search.ts';
import type { SessionLog } from './session-log.ts';

/** An answer is given after this long, with what was found until then; who asked asks on. */
const ANSWER_AFTER_MS = 250;

const notFound = () => fail(wireError('session_not_found', 'There is no session with this id.'));

const toHit = ({ seq, ts, type, payload, body }: Candidate, query: string): SearchHit | null => {
	const found = findInEvent(type, body === null ? payload : JSON.parse(body), query);
	return found && { seq, ts, ...found };
};

export class TranscriptPlaces {
	readonly #db: Database;
	readonly #log: SessionLog;
	readonly #nowMs: () => number;

	constructor(db: Database, log: SessionLog, nowMs = () => performance.now()) {
		this.#db = db;
		this.#log = log;
		this.#nowMs = nowMs;
	}

	/** Events that hold the words, from the newest back; a search of a long log takes several calls. */
	async search(
		sessionId: SessionId,
		{ q, before, limit }: SearchQuery
	): Promise<Result<SearchAnswer, WireError>> {
		const cell = await this.#log.find(sessionId);
		if (!cell) return notFound();
		const head = cell.position.lastSeq;
		const until = this.#nowMs() + ANSWER_AFTER_MS;
		const hits: SearchHit[] = [];
		let searchedTo = Math.min(before ?? head + 1, head + 1);
		do {
			const stretch = await readCandidates(this.#db, sessionId, q, searchedTo);
			searchedTo = stretch.searchedTo;
			for (const candidate of stretch.candidates) {
				const hit = toHit(candidate, q);
				if (!hit) continue;
				hits.push(hit);
				if (hits.length < limit) continue;
				searchedTo = candidate.seq;
				break;
			}
		} while (searchedTo > 1 && hits.length < limit && this.#nowMs() < until);
		return ok({ hits: await this.#placed(sessionId, hits), searchedTo, head });
	}

	async landmarks(sessionId: SessionId): Promise<Result<LandmarksAnswer, WireError>> {
		const cell = await this.#log.find(sessionId);
		if (!cell) return notFound();
		const landmarks = await readLandmarks(this.#db, sessionId);
		return ok({ landmarks, head: cell.position.lastSeq });
	}

	async #placed(sessionId: SessionId, hits: SearchHit[]): Promise<SearchHit[]> {
		const prompts = hits.filter(({ kind }) => kind === 'prompt').map(({ seq }) => seq);
		const starts = await readTurnStarts(this.#db, sessionId, prompts);
		return hits.map((hit) => ({ ...hit, seq: starts.get(hit.seq) ?? hit.seq }));
	}
}
