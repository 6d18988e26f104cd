import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const asked = await locals.app.sessions.undoRewind(id.value, key.value);
	return answerResult(asked, (value) => value, 202);
};
