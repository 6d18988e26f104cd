import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { rewindQuerySchema, rewindSchema } from '@agent-manager/protocol/rewind.ts';
import {
	answerResult,
	readBody,
	readId,
	readKey,
	readQuery,
	refuse
} from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, rewindQuerySchema);
	if (!query.ok) return refuse(query.error);
	const plan = await locals.app.sessions.rewindPlan(id.value, query.value.atSeq);
	return answerResult(plan, (value) => value);
};

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, rewindSchema);
	if (!body.ok) return refuse(body.error);
	const asked = await locals.app.sessions.rewind(id.value, body.value, key.value);
	return answerResult(asked, (value) => value, 202);
};
