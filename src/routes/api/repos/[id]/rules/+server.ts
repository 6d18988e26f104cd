import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import { repoRuleQuerySchema, repoRuleRequestSchema } from '@agent-manager/protocol/requests.ts';
import { answerResult, readBody, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const body = await readBody(request, repoRuleRequestSchema);
	if (!body.ok) return refuse(body.error);
	const added = await locals.app.repos.addRule(id.value, body.value);
	return answerResult(added, (repo) => ({ repo }));
};

export const DELETE: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, repoRuleQuerySchema);
	if (!query.ok) return refuse(query.error);
	const removed = await locals.app.repos.removeRule(id.value, query.value.rule);
	return answerResult(removed, (repo) => ({ repo }));
};
