import { commandIdSchema } from '@agent-manager/protocol/ids.ts';
import { savePromptSchema } from '@agent-manager/protocol/saved-prompts.ts';
import { wireError } from '#lib/domain/errors.ts';
import { answer, answerResult, readBody, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const unknown = () => refuse(wireError('not_found', 'There is no prompt with this id.'));

/** Makes or changes it. The client chooses the id, so that it may send again. */
export const PUT: RequestHandler = async ({ locals, params, request }) => {
	const id = commandIdSchema.safeParse(params.id);
	if (!id.success) return unknown();
	const body = await readBody(request, savePromptSchema);
	if (!body.ok) return refuse(body.error);
	const saved = await locals.app.savedPrompts.save(id.data, body.value);
	return answerResult(saved, (prompt) => ({ prompt }));
};

export const DELETE: RequestHandler = async ({ locals, params }) => {
	const id = commandIdSchema.safeParse(params.id);
	const removed = id.success && (await locals.app.savedPrompts.remove(id.data));
	return removed ? answer({}) : unknown();
};
