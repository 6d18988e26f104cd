import { freeSpaceSchema, retentionQuerySchema } from '@agent-manager/protocol/health.ts';
import { answer, readBody, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** What purging archived sessions would free; nothing is changed. */
export const GET: RequestHandler = async ({ locals, url }) => {
	const query = readQuery(url, retentionQuerySchema);
	if (!query.ok) return refuse(query.error);
	return answer(await locals.app.health.retention(query.value.archivedDays));
};

export const POST: RequestHandler = async ({ locals, request }) => {
	const body = await readBody(request, freeSpaceSchema);
	if (!body.ok) return refuse(body.error);
	return answer(await locals.app.health.freeSpace(body.value.sessionIds), 202);
};
