import { createPullSchema } from '@agent-manager/protocol/github.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readBody, readId, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	return answerResult(await locals.app.pulls.state(id.value), (state) => state);
};

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const body = await readBody(request, createPullSchema);
	if (!body.ok) return refuse(body.error);
	return answerResult(await locals.app.pulls.create(id.value, body.value), (state) => state, 201);
};
