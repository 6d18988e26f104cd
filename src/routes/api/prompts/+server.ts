import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals }) =>
	answer({ prompts: await locals.app.savedPrompts.list() });
