import { sessionIdSchema } from '@agent-manager/protocol/ids.ts';
import { readId, refuse } from '#lib/server/api/answer.ts';
import type { RequestHandler } from './$types';

/** Reads on only when what was read has been sent, and no more once the reader has gone. */
const streamOf = (lines: AsyncGenerator<string>): ReadableStream<Uint8Array> => {
	const encoder = new TextEncoder();
	return new ReadableStream({
		async pull(controller) {
			const { done, value } = await lines.next();
			if (done) controller.close();
			else controller.enqueue(encoder.encode(value));
		},
		cancel: () => void lines.return(undefined)
	});
};

/** The whole log as a file, one event a line. It is read while it is sent. */
export const GET: RequestHandler = async ({ locals, params }) => {
	const id = readId(sessionIdSchema, params.id, 'session');
	if (!id.ok) return refuse(id.error);
	const lines = await locals.app.sessions.transcripts.exportEvents(id.value);
	if (!lines.ok) return refuse(lines.error);
	return new Response(streamOf(lines.value), {
		headers: {
			'content-type': 'application/x-ndjson; charset=utf-8',
			'content-disposition': `attachment; filename="session-${id.value}.ndjson"`
		}
	});
};
