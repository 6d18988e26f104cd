import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const done = await locals.app.sessions.plain(id.value, params.command, key.value);
	return answerResult(done, (value) => value, 202);
};
