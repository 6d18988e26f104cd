import { ATTACHMENT_LIMITS, attachmentQuerySchema } from '@agent-manager/protocol/attachments.ts';
import { commandIdSchema, sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { answerResult, readBytes, readId, readQuery, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const unknown = () => refuse(wireError('not_found', 'There is no attachment with this id.'));

/** Keeps a file for a message that is sent later. The client chooses the id, so that it may send again. */
export const PUT: RequestHandler = async ({ locals, params, request, url }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const attachmentId = commandIdSchema.safeParse(params.attachmentId);
	if (!attachmentId.success) return unknown();
	const query = readQuery(url, attachmentQuerySchema);
	if (!query.ok) return refuse(query.error);
	const body = await readBytes(request, ATTACHMENT_LIMITS.imageBytes);
	if (!body.ok) return refuse(body.error);
	const { attachments } = locals.app.sessions;
	const added = await attachments.add(id.value, attachmentId.data, query.value.name, body.value);
	return answerResult(added, (attachment) => ({ attachment }), 201);
};

/** Its bytes never change, and no page may run what is in them. */
export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const attachmentId = commandIdSchema.safeParse(params.attachmentId);
	if (!attachmentId.success) return unknown();
	const found = await locals.app.sessions.attachments.read(id.value, attachmentId.data);
	if (!found.ok) return refuse(found.error);
	const { facts, body } = found.value;
	const charset = facts.kind === 'text' ? '; charset=utf-8' : '';
	return new Response(new Uint8Array(body), {
		headers: {
			'content-type': `${facts.mediaType}${charset}`,
			'content-disposition': `inline; filename*=UTF-8''${encodeURIComponent(facts.name)}`,
			'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
			'cache-control': 'private, max-age=31536000, immutable'
		}
	});
};
