import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import { startSessionSchema } from '@agent-manager/protocol/requests.ts';
import { answer, answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const repo = await locals.app.repos.get(id.value);
	if (!repo.ok) return refuse(repo.error);
	return answer({ sessions: await locals.app.sessions.list(id.value) });
};

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, startSessionSchema);
	if (!body.ok) return refuse(body.error);
	const started = await locals.app.sessions.start(id.value, body.value, key.value);
	return answerResult(started, (value) => value, 201);
};
