/** A session's log as it is read: its newest events with what stands open before them, pages, single events, all of it. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { EventsQuery } from '@agent-manager/protocol/requests.ts';
import type { EventPage } from '@agent-manager/protocol/responses.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { carryOf } from '#lib/domain/transcript-state.ts';
import { foldEvents } from '#lib/domain/transcript.ts';
import type { Database } from '#lib/server/db/client.ts';
import { readBackward, readBody, readForward } from '#lib/server/db/event-log.ts';
import { readBefore } from '#lib/server/db/transcript-boundaries.ts';
import { exportEvents } from './event-export.ts';
import type { SessionLog } from './session-log.ts';

/** How many of the newest events a session is opened with. */
export const OPENING_EVENTS = 200;

export interface SessionDetail {
	session: Session;
	events: SessionEvent[];
	carry: TranscriptCarry | null;
	head: number;
}

const notFound = () => fail(wireError('session_not_found', 'There is no session with this id.'));

export class TranscriptPages {
	readonly #db: Database;
	readonly #log: SessionLog;

	constructor(db: Database, log: SessionLog) {
		this.#db = db;
		this.#log = log;
	}

	/** The session with its newest events, all as of one moment of the log. */
	async open(sessionId: SessionId): Promise<Result<SessionDetail, WireError>> {
		const cell = await this.#log.find(sessionId);
		if (!cell) return notFound();
		const session = this.#log.show(cell);
		const db = this.#db;
		const events = await readBackward(db, sessionId, session.head + 1, OPENING_EVENTS);
		const carry = await this.#carryInto(sessionId, events);
		return ok({ session, events, carry, head: session.head });
	}

	async events(
		sessionId: SessionId,
		{ after, before, limit }: EventsQuery
	): Promise<Result<EventPage, WireError>> {
		const cell = await this.#log.find(sessionId);
		if (!cell) return notFound();
		const db = this.#db;
		const head = cell.position.lastSeq;
		if (after !== undefined) {
			// None beyond the head: the database has them a moment before their writer knows.
			const due = Math.min(limit, Math.max(0, head - after));
			const events = await readForward(db, sessionId, after, due);
			const hasMore = (events.at(-1)?.seq ?? after) < head;
			return ok({ events, carry: null, head, hasMore });
		}
		const events = await readBackward(db, sessionId, before ?? head + 1, limit);
		const carry = await this.#carryInto(sessionId, events);
		return ok({ events, carry, head, hasMore: (events[0]?.seq ?? 1) > 1 });
	}

	/** The whole body of an event that the log holds shortened or changed, as JSON text. */
	async eventBody(sessionId: SessionId, seq: number): Promise<Result<string, WireError>> {
		const body = await readBody(this.#db, sessionId, seq);
		if (body !== null) return ok(body);
		const [event] = await readForward(this.#db, sessionId, seq - 1, 1);
		return event?.seq === seq
			? ok(JSON.stringify(event.payload))
			: fail(wireError('not_found', 'There is no event with this number.'));
	}

	/** Its log up to now, one event a line. */
	async exportEvents(sessionId: SessionId): Promise<Result<AsyncGenerator<string>, WireError>> {
		const cell = await this.#log.find(sessionId);
		if (!cell) return notFound();
		return ok(exportEvents(this.#db, sessionId, cell.position.lastSeq));
	}

	/** What stands open before a page of events. */
	async #carryInto(sessionId: SessionId, events: SessionEvent[]): Promise<TranscriptCarry | null> {
		const first = events[0]?.seq ?? 1;
		if (first === 1) return null;
		return carryOf(foldEvents(await readBefore(this.#db, sessionId, first)));
	}
}
