import { registerRepoSchema } from '@agent-manager/protocol/requests.ts';
import { answer, answerResult, readBody, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals }) =>
	answer({ repos: await locals.app.repos.list() });

export const POST: RequestHandler = async ({ locals, request }) => {
	const body = await readBody(request, registerRepoSchema);
	if (!body.ok) return refuse(body.error);
	return answerResult(await locals.app.repos.register(body.value.url), (repo) => ({ repo }), 201);
};
