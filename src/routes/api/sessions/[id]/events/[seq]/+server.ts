import { z } from 'zod';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { parseWith, readId, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const seqParamSchema = z.object({ seq: z.coerce.number().pipe(z.int().min(1)) });

/** The whole payload of one event as it came, also where the log holds it shortened. */
export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const seq = parseWith(seqParamSchema, { seq: params.seq });
	if (!seq.ok) return refuse(seq.error);
	const body = await locals.app.sessions.transcripts.eventBody(id.value, seq.value.seq);
	if (!body.ok) return refuse(body.error);
	return new Response(body.value, { headers: { 'content-type': 'application/json' } });
};
