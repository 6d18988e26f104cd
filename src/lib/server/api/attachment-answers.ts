/** Keeps and gives out files that go along with messages. */
import type { RequestEvent } from '@sveltejs/kit';
import { ATTACHMENT_LIMITS, attachmentQuerySchema } from '@agent-manager/protocol/attachments.ts';
import { commandIdSchema } from '@agent-manager/protocol/ids.ts';
import type { AttachmentOwner } from '#lib/domain/attachment-format.ts';
import { wireError } from '#lib/domain/errors.ts';
import { answerResult, readBytes, readQuery, refuse } from './answer.ts';

type AttachmentEvent = Pick<RequestEvent, 'locals' | 'request' | 'url'> & {
	params: { attachmentId: string };
};

const unknown = (): Response =>
	refuse(wireError('not_found', 'There is no attachment with this id.'));

/** Keeps a file for a message that is sent later. The client chooses the id, so that it may send again. */
export const keepAttachment = async (
	{ locals, params, request, url }: AttachmentEvent,
	owner: AttachmentOwner
): Promise<Response> => {
	const id = commandIdSchema.safeParse(params.attachmentId);
	if (!id.success) return unknown();
	const query = readQuery(url, attachmentQuerySchema);
	if (!query.ok) return refuse(query.error);
	const body = await readBytes(request, ATTACHMENT_LIMITS.imageBytes);
	if (!body.ok) return refuse(body.error);
	const { attachments } = locals.app.sessions;
	const added = await attachments.add(owner, id.data, query.value.name, body.value);
	return answerResult(added, (attachment) => ({ attachment }), 201);
};

/** Its bytes never change, and no page may run what is in them. */
export const giveAttachment = async (
	{ locals, params }: AttachmentEvent,
	owner: AttachmentOwner
): Promise<Response> => {
	const id = commandIdSchema.safeParse(params.attachmentId);
	if (!id.success) return unknown();
	const found = await locals.app.sessions.attachments.read(owner, id.data);
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
