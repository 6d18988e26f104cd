import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** What this app is: version, model upstream, sandbox drivers. */
export const GET: RequestHandler = async ({ locals }) => answer(await locals.app.about());
