import { answer } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Answers as soon as the app serves requests; tells nothing about it. */
export const GET: RequestHandler = () => answer({ status: 'ok' });
