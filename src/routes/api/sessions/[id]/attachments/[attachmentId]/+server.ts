import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { readId, refuse } from '#lib/server/api/answer.ts';
import { giveAttachment, keepAttachment } from '#lib/server/api/attachment-answers.ts';
import type { RequestHandler } from './$types';

export const PUT: RequestHandler = async (event) => {
	const id = readId(sessionIdSchema, event.params.id, 'session');
	return id.ok ? keepAttachment(event, { kind: 'session', id: id.value }) : refuse(id.error);
};

export const GET: RequestHandler = async (event) => {
	const id = readId(sessionIdSchema, event.params.id, 'session');
	return id.ok ? giveAttachment(event, { kind: 'session', id: id.value }) : refuse(id.error);
};
