import { openApiDocument } from '#lib/server/api/openapi.ts';
import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals }) =>
	answer(openApiDocument((await locals.app.about()).version));
