import { fixPullSchema } from '@agent-manager/protocol/github.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, fixPullSchema);
	if (!body.ok) return refuse(body.error);
	const sent = await locals.app.pulls.fix(id.value, body.value.id, key.value);
	return answerResult(sent, (value) => value, 202);
};
