import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { eventsQuerySchema } from '@agent-manager/protocol/requests.ts';
import { answerResult, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, eventsQuerySchema);
	if (!query.ok) return refuse(query.error);
	return answerResult(
		await locals.app.sessions.transcripts.events(id.value, query.value),
		(page) => page
	);
};
