import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import { sessionsQuerySchema, startSessionSchema } from '@agent-manager/protocol/requests.ts';
import {
	answer,
	answerResult,
	readBody,
	readId,
	readKey,
	readQuery,
	refuse
} from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, sessionsQuerySchema);
	if (!query.ok) return refuse(query.error);
	const repo = await locals.app.repos.get(id.value);
	if (!repo.ok) return refuse(repo.error);
	const { archived } = query.value;
	return answer({ sessions: await locals.app.sessions.list({ repoId: id.value, archived }) });
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
