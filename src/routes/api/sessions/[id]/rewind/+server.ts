import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { rewindQuerySchema, rewindSchema } from '@agent-manager/protocol/rewind.ts';
import { answerResult, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, params, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const query = readQuery(url, rewindQuerySchema);
	if (!query.ok) return refuse(query.error);
	const plan = await locals.app.sessions.rewindPlan(id.value, query.value.atSeq);
	return answerResult(plan, (value) => value);
};

export const POST = sessionCommand(rewindSchema, ({ app, id, body, key }) =>
	app.sessions.rewind(id, body, key)
);
