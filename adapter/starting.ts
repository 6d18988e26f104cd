/**
 * What is answered while the app starts: a start that waits (for its database, say) says so at the port, in
 * the API's own shape or as a plain page that opens the app by itself once it is there.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Set by the app while it waits for something, in words such as `it waits for the database`. */
const WAITING = Symbol.for('agent-manager.waiting');
const AGAIN_SECONDS = 2;

const shared = globalThis as unknown as Record<symbol, unknown>;

export const waitsFor = (): string | null => (shared[WAITING] as string | null | undefined) ?? null;

const page = (words: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${AGAIN_SECONDS}">
<title>Agent Manager is starting</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { max-width: 28rem; padding: 1.5rem; }
h1 { font-size: 1.1rem; margin: 0 0 0.5rem; }
p { margin: 0.25rem 0; opacity: 0.8; }
</style>
</head>
<body>
<main>
<h1>Agent Manager is starting</h1>
<p role="status">${words}</p>
<p>This page opens it as soon as it is ready. The terminal says more.</p>
</main>
</body>
</html>
`;

/** 503 with `starting_up`; `waiting` has no words from outside in it. */
export const answerStarting = (
	{ url = '', method, headers }: Pick<IncomingMessage, 'url' | 'method' | 'headers'>,
	res: ServerResponse,
	waiting: string | null
): void => {
	const words = waiting === null ? 'It is not ready yet.' : `Not ready yet: ${waiting}.`;
	const wantsPage =
		method === 'GET' && !url.startsWith('/api/') && /\btext\/html\b/.test(headers.accept ?? '');
	const error = {
		code: 'starting_up',
		message: `Agent Manager is starting. ${words}`,
		hint: 'Wait a moment and try again.'
	};
	const body = wantsPage ? page(words) : JSON.stringify({ error });
	res.writeHead(503, {
		'content-type': wantsPage ? 'text/html; charset=utf-8' : 'application/json',
		'content-length': Buffer.byteLength(body),
		'content-security-policy':
			"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
		'cache-control': 'no-store',
		'retry-after': String(AGAIN_SECONDS)
	});
	res.end(method === 'HEAD' ? undefined : body);
};
