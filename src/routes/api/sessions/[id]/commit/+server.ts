import { commitRequestSchema } from '@agent-manager/protocol/changes.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, commitRequestSchema);
	if (!body.ok) return refuse(body.error);
	const action = { kind: 'commit', ...body.value } as const;
	const asked = await locals.app.sessions.git(id.value, action, key.value);
	return answerResult(asked, (value) => value, 202);
};
