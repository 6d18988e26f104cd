import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Without sign-in only whether the app lives and is ready; 503 while it can take no work. */
export const GET: RequestHandler = ({ locals }) => {
	const { health } = locals.app;
	const body = locals.signedIn ? health.report() : health.probe();
	return answer(body, body.ready ? 200 : 503);
};
