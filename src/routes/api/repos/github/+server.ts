import { githubQuerySchema } from '@agent-manager/protocol/requests.ts';
import { answerResult, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, url }) => {
	const query = readQuery(url, githubQuerySchema);
	if (!query.ok) return refuse(query.error);
	return answerResult(await locals.app.githubRepositories(query.value), (list) => list);
};
