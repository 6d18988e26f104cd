import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { answerResult, readId, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	return answerResult(await locals.app.sessions.changes.files(id.value), (list) => list);
};
