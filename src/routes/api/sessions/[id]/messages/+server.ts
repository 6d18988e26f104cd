import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { sendMessageSchema } from '@agent-manager/protocol/requests.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, sendMessageSchema);
	if (!body.ok) return refuse(body.error);
	const sent = await locals.app.sessions.sendMessage(id.value, body.value, 'person', key.value);
	return answerResult(sent, (value) => value, 202);
};
