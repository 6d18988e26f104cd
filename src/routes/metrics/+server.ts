import type { RequestHandler } from './$types';

/** For Prometheus: the text format, with the app's token as a bearer. */
export const GET: RequestHandler = async ({ locals }) => {
	const { metrics } = locals.app;
	return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } });
};
