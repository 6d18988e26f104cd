import { answerResult } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** The demo's orchestrator, started unless it is live. */
export const POST: RequestHandler = async ({ locals }) =>
	answerResult(await locals.app.startDemo(), (session) => ({ session }), 201);
