import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** What the last look found. */
export const GET: RequestHandler = ({ locals }) => answer(locals.app.health.inventory());
