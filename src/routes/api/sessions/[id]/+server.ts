import { z } from 'zod';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, readKey, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const deleteQuerySchema = z.strictObject({ purge: z.stringbool().default(false) });

export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	return answerResult(await locals.app.sessions.transcripts.open(id.value), (detail) => detail);
};

/** Stops the session, or with `?purge=true` removes what it left. */
export const DELETE: RequestHandler = async ({ locals, params, request, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const query = readQuery(url, deleteQuerySchema);
	if (!query.ok) return refuse(query.error);
	const command = query.value.purge ? 'purge' : 'stop';
	const done = await locals.app.sessions.plain(id.value, command, key.value);
	return answerResult(done, (value) => value, 202);
};
