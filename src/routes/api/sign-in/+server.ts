import { z } from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { answer, readBody, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

const signInSchema = z.strictObject({ token: z.string().min(1).max(512) });

/** Signs a browser in with the token from the token file. */
export const POST: RequestHandler = async ({ locals, cookies, request }) => {
	const body = await readBody(request, signInSchema);
	if (!body.ok) return refuse(body.error);
	const { credentials, signIn } = locals.app;
	if (credentials !== null && !credentials.isToken(body.value.token)) {
		return refuse(wireError('unauthorized', 'This is not the token of this app.'));
	}
	signIn(cookies);
	return answer({ status: 'ok' });
};
