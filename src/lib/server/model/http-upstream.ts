/**
 * Passes a request on to an HTTP upstream and its answer back, untouched and chunk by chunk. Nothing
 * is collected but error bodies, which are small and have to be cleaned of credentials.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { redact } from './redact.ts';
import { answerHeaders, upstreamHeaders } from './model-headers.ts';
import { errorMessageOf } from './model-failure.ts';
import type { Upstream } from './upstream.ts';
import { createBodyTap, createStreamTap, type UsageTap } from './usage-tap.ts';
import type { UpstreamHooks } from './usage.ts';

const MAX_ERROR_BODY = 64 * 1024;

export function sendModelError(
	res: ServerResponse,
	status: number,
	type: string,
	message: string,
	headers: Record<string, string | string[]> = {}
): void {
	if (res.headersSent || res.destroyed) return void res.destroy();
	const body = JSON.stringify({ type: 'error', error: { type, message } });
	res.writeHead(status, {
		...headers,
		'content-type': 'application/json',
		'content-length': Buffer.byteLength(body)
	});
	res.end(body);
}

type HttpUpstream = Exclude<Upstream, { kind: 'demo' }>;
type Answer = Dispatcher.ResponseData;

/** The error body, cleaned; a refused credential becomes a 403, since a 401 is retried for a minute. */
async function passError(
	answer: Answer,
	res: ServerResponse,
	secrets: string[],
	hooks: UpstreamHooks
): Promise<void> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of answer.body as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > MAX_ERROR_BODY) break;
		chunks.push(chunk);
	}
	const text = redact(Buffer.concat(chunks).toString('utf8'), secrets);
	const headers = cleanHeaders(answer, secrets);
	const message = errorMessageOf(text, answer.statusCode);
	hooks.onError?.(answer.statusCode, message, headers);
	if (answer.statusCode === 401) {
		return sendModelError(res, 403, 'authentication_error', message);
	}
	if (answer.statusCode < 400) {
		return sendModelError(res, 502, 'api_error', 'The model’s server answered with a redirect.');
	}
	delete headers['content-length'];
	delete headers['content-encoding'];
	res.writeHead(answer.statusCode, headers);
	res.end(text);
}

/** Without any header that echoes a credential. */
function cleanHeaders(answer: Answer, secrets: string[]): Record<string, string> {
	const entries = Object.entries(answerHeaders(answer.headers)).map(
		([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value] as const
	);
	return Object.fromEntries(
		entries.filter(([, value]) => !secrets.some((secret) => value.includes(secret)))
	);
}

function tapFor(headers: Record<string, string>): UsageTap | null {
	if (headers['content-encoding'] && headers['content-encoding'] !== 'identity') return null;
	return (headers['content-type'] ?? '').startsWith('text/event-stream')
		? createStreamTap()
		: createBodyTap();
}

/** Each chunk goes out at once; the tap looks at it afterwards. Resolves when the answer has ended. */
function passBody(answer: Answer, res: ServerResponse, tap: UsageTap | null): Promise<void> {
	return new Promise((resolve) => {
		const { body } = answer;
		body.on('data', (chunk: Buffer) => {
			const flowing = res.write(chunk);
			tap?.push(chunk);
			if (!flowing) {
				body.pause();
				res.once('drain', () => body.resume());
			}
		});
		body.once('end', () => {
			res.end();
			resolve();
		});
		body.once('error', () => {
			// What breaks off upstream has to break off here as well, or it would look complete.
			res.destroy();
			resolve();
		});
		body.once('close', () => resolve());
	});
}

/**
 * Serves one request. Rejects when the upstream can't be reached; after the first byte of an answer it
 * resolves always.
 */
export async function passToUpstream(
	upstream: HttpUpstream,
	dispatcher: Dispatcher,
	req: IncomingMessage,
	res: ServerResponse,
	hooks: UpstreamHooks
): Promise<void> {
	const aborter = new AbortController();
	res.once('close', () => {
		if (!res.writableFinished) aborter.abort();
	});
	const secrets = upstream.credential ? [upstream.credential.secret] : [];
	const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
	const answer = await dispatcher.request({
		origin: new URL(upstream.baseUrl).origin,
		path: `${new URL(upstream.baseUrl).pathname.replace(/\/$/, '')}${req.url ?? '/'}`,
		method: req.method === 'GET' ? 'GET' : 'POST',
		headers: upstreamHeaders(req.headers, upstream.credential),
		body: hasBody ? req : null,
		signal: aborter.signal
	});
	if (answer.statusCode < 200 || answer.statusCode >= 300) {
		return passError(answer, res, secrets, hooks);
	}
	const headers = cleanHeaders(answer, secrets);
	const tap = req.method === 'POST' && !req.url?.includes('/count_tokens') ? tapFor(headers) : null;
	res.writeHead(answer.statusCode, headers);
	res.flushHeaders();
	await passBody(answer, res, tap);
	const usage = tap?.read();
	if (usage) hooks.onUsage?.(usage);
}
