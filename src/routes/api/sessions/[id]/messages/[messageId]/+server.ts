import { commandIdSchema, sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { editMessageSchema } from '@agent-manager/protocol/requests.ts';
import { wireError } from '#lib/domain/errors.ts';
import { answerResult, readBody, readId, readKey, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const unknownMessage = () => refuse(wireError('not_found', 'There is no message with this id.'));

/** Changes a message that the agent has not got yet. */
export const PATCH: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const messageId = commandIdSchema.safeParse(params.messageId);
	if (!messageId.success) return unknownMessage();
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const body = await readBody(request, editMessageSchema);
	if (!body.ok) return refuse(body.error);
	const { sessions } = locals.app;
	const edited = await sessions.editMessage(
		id.value,
		messageId.data,
		body.value.message,
		key.value
	);
	return answerResult(edited, (value) => value, 202);
};

/** Takes it back. */
export const DELETE: RequestHandler = async ({ locals, params, request }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const messageId = commandIdSchema.safeParse(params.messageId);
	if (!messageId.success) return unknownMessage();
	const key = readKey(request);
	if (!key.ok) return refuse(key.error);
	const removed = await locals.app.sessions.removeMessage(id.value, messageId.data, key.value);
	return answerResult(removed, (value) => value, 202);
};
