/** An event's payload as it came in: one that is too long for the log's row is whole in the side table. */
import * as z from 'zod';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Database } from '#lib/server/db/client.ts';
import { readBody } from '#lib/server/db/event-log.ts';
import type { SessionLog } from './session-log.ts';

const eventSchema = z.object({ payload: z.unknown(), marks: z.array(z.string()).optional() });

export const wholePayload = async (
	{ log, db }: { log: SessionLog; db: Database },
	sessionId: SessionId,
	seq: number
): Promise<unknown> => {
	const [entry] = await log.readAfter(sessionId, seq - 1, 1);
	if (!entry || entry.seq !== seq) throw new Error(`event ${seq} is not in the log`);
	const { payload, marks } = eventSchema.parse(JSON.parse(entry.json));
	const body = marks ? await readBody(db, sessionId, seq) : null;
	return body === null ? payload : JSON.parse(body);
};
