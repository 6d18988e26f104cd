import { commandIdSchema, sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { moveMessageSchema } from '@agent-manager/protocol/requests.ts';
import { wireError } from '#lib/domain/errors.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Another place in the queue for a message that the agent has not got yet. */
export const POST: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const messageId = commandIdSchema.safeParse(params.messageId);
	if (!messageId.success) {
		return refuse(wireError('not_found', 'There is no message with this id.'));
	}
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, moveMessageSchema);
	if (!body.ok) return refuse(body.error);
	const { sessions } = locals.app;
	const moved = await sessions.moveMessage(id.value, messageId.data, body.value, key.value);
	return answerResult(moved, (value) => value, 202);
};
