import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Looks at everything now, mends what can lose nothing, and says what is left. */
export const POST: RequestHandler = async ({ locals }) => answer(await locals.app.health.look());
