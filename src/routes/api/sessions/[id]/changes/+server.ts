import { changesQuerySchema } from '@agent-manager/protocol/changes.ts';
import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, changesQuerySchema);
	if (!query.ok) return refuse(query.error);
	const listed = await locals.app.sessions.changes.list(id.value, query.value);
	return answerResult(listed, (changes) => changes);
};
