import { z } from 'zod';
import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import { answer, answerResult, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const removeQuerySchema = z.strictObject({ force: z.stringbool().default(false) });

export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const repo = await locals.app.repos.get(id.value);
	if (!repo.ok) return refuse(repo.error);
	return answer({
		repo: repo.value,
		sessions: await locals.app.sessions.list({ repoId: id.value, archived: false })
	});
};

export const DELETE: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(repoIdSchema, params.id, 'repo');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, removeQuerySchema);
	if (!query.ok) return refuse(query.error);
	return answerResult(await locals.app.repos.remove(id.value, query.value), (removed) => removed);
};
