/**
 * A session's whole log as lines of JSON, one event each, with payloads as they came: what the log holds
 * shortened is read from beside it. A page at a time, and only as fast as the reader takes it.
 */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Database } from '#lib/server/db/client.ts';
import { readBody, readForward } from '#lib/server/db/event-log.ts';

/** Events are up to 256 KiB each in the log's row. */
const PAGE_EVENTS = 50;

const lineOf = async (db: Database, sessionId: SessionId, event: SessionEvent): Promise<string> => {
	const body = event.marks ? await readBody(db, sessionId, event.seq) : null;
	if (body === null) return `${JSON.stringify(event)}\n`;
	const { payload: _, ...rest } = event;
	return `${JSON.stringify(rest).slice(0, -1)},"payload":${body}}\n`;
};

/** Up to `head`, so that the end is known when it begins, however the session goes on. */
export async function* exportEvents(
	db: Database,
	sessionId: SessionId,
	head: number
): AsyncGenerator<string> {
	let after = 0;
	while (after < head) {
		const events = await readForward(db, sessionId, after, Math.min(PAGE_EVENTS, head - after));
		if (events.length === 0) throw new Error('the session was purged while its log was read');
		for (const event of events) yield await lineOf(db, sessionId, event);
		after = events.at(-1)?.seq ?? head;
	}
}
