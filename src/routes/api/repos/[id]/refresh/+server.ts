import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals, params }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	return answerResult(await locals.app.repos.refresh(id.value), (repo) => ({ repo }), 202);
};
