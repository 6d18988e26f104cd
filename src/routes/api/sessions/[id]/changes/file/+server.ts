import { fileDiffQuerySchema } from '@agent-manager/protocol/changes.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, fileDiffQuerySchema);
	if (!query.ok) return refuse(query.error);
	const { scope, commit, path, oldPath } = query.value;
	return answerResult(
		await locals.app.sessions.changes.file(id.value, { scope, commit }, { path, oldPath }),
		(diff) => diff
	);
};
