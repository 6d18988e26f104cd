import { repairRequestSchema } from '@agent-manager/protocol/health.ts';
import { answer, readBody, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Mends the findings that a person chose. What is not so any more counts as mended. */
export const POST: RequestHandler = async ({ locals, request }) => {
	const body = await readBody(request, repairRequestSchema);
	if (!body.ok) return refuse(body.error);
	return answer(await locals.app.health.repair(body.value.ids));
};
