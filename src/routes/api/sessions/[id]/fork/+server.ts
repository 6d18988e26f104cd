import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { forkSchema } from '@agent-manager/protocol/requests.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, forkSchema);
	if (!body.ok) return refuse(body.error);
	const forked = await locals.app.sessions.fork(id.value, body.value, key.value);
	return answerResult(forked, (value) => value, 201);
};
