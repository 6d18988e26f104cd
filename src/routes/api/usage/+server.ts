import { usageQuerySchema } from '@agent-manager/protocol/usage.ts';
import { answer, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, url }) => {
	const query = readQuery(url, usageQuerySchema);
	if (!query.ok) return refuse(query.error);
	return answer(await locals.app.sessions.usage(query.value, Date.now()));
};
