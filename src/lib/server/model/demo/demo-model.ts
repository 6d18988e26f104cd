/**
 * The built-in demo model: a scripted Messages API. It has the shape of an upstream, so that it can
 * stand where Anthropic's API stands: `/v1/messages` streamed or whole, `/v1/messages/count_tokens`,
 * `/v1/models`. What it says is in `demo-reply.ts`; the only thing it remembers between requests is
 * how often it has thrown a fault that was ordered for a number of times.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DEMO_MODEL_NAME } from '#lib/domain/demo-model.ts';
import type { TokenUsage, UpstreamHooks } from '../usage.ts';
import { NO_USAGE } from '../usage.ts';
import { messagesRequestSchema, type MessagesRequest } from './conversation.ts';
import { demoReply } from './demo-reply.ts';
import { AT_ONCE, type Fault } from './reply.ts';
import { streamReply, wholeReply, type StreamContext } from './reply-stream.ts';
import { estimateTokens } from './token-estimate.ts';

export interface DemoModelOptions {
	/** 1: as fast as a model speaks; 0: without any wait, for tests. */
	paceFactor?: number;
	newId?: (prefix: string) => string;
	/** Epoch milliseconds with a fraction, never going back. */
	epochMs?: () => number;
}

export interface DemoModel {
	handle(req: IncomingMessage, res: ServerResponse, hooks?: UpstreamHooks): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;
/**
 * The model every answer names, whatever was asked for: so nobody takes its words for another's, and
 * its tokens for ones that cost something.
 */
const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'];

function sendJson(
	res: ServerResponse,
	status: number,
	body: object,
	headers: Record<string, string> = {}
): void {
	const text = JSON.stringify(body);
	res.writeHead(status, {
		'content-type': 'application/json',
		'content-length': Buffer.byteLength(text),
		...headers
	});
	res.end(text);
}

const sendError = (
	res: ServerResponse,
	status: number,
	type: string,
	message: string,
	headers?: Record<string, string>
): void => sendJson(res, status, { type: 'error', error: { type, message } }, headers);

/** The body as text, or null when it is too long or breaks off. */
async function readBody(req: IncomingMessage): Promise<string | null> {
	const chunks: Buffer[] = [];
	let size = 0;
	try {
		for await (const chunk of req as AsyncIterable<Buffer>) {
			size += chunk.length;
			if (size > MAX_BODY_BYTES) return null;
			chunks.push(chunk);
		}
	} catch {
		return null;
	}
	return Buffer.concat(chunks).toString('utf8');
}

function parseRequest(body: string): MessagesRequest | string {
	let json: unknown;
	try {
		json = JSON.parse(body);
	} catch {
		return 'The body is not JSON.';
	}
	const parsed = messagesRequestSchema.safeParse(json);
	if (parsed.success) return parsed.data;
	const issue = parsed.error.issues[0];
	return `${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'invalid'}`;
}

/** What has been sent before counts as read from the cache, the rest as written to it. */
function usageOf(request: MessagesRequest): TokenUsage {
	const lastAnswer = request.messages.findLastIndex((message) => message.role === 'assistant');
	const head = estimateTokens(JSON.stringify([request.system ?? '', request.tools ?? []]));
	const old = estimateTokens(JSON.stringify(request.messages.slice(0, Math.max(lastAnswer, 0))));
	const fresh = estimateTokens(JSON.stringify(request.messages.slice(Math.max(lastAnswer, 0))));
	return lastAnswer < 0
		? { ...NO_USAGE, inputTokens: 3, cacheWriteTokens: head + fresh }
		: { ...NO_USAGE, inputTokens: 3, cacheReadTokens: head + old, cacheWriteTokens: fresh };
}

const randomId = (prefix: string): string => `${prefix}${randomBytes(12).toString('hex')}`;
const wallClock = (): number => performance.timeOrigin + performance.now();

/** Says whether a fault strikes this time. Remembers the last thousand kinds of request. */
function createFaultCounter(): (fault: Fault, key: string) => boolean {
	const struck = new Map<string, number>();
	return (fault, key) => {
		if (fault.times === 0) return true;
		const count = struck.get(key) ?? 0;
		struck.delete(key);
		if (count >= fault.times) return false;
		struck.set(key, count + 1);
		for (const oldest of struck.keys()) {
			if (struck.size <= 1000) break;
			struck.delete(oldest);
		}
		return true;
	};
}

export function createDemoModel(options: DemoModelOptions = {}): DemoModel {
	const strikes = createFaultCounter();
	const { paceFactor = 1, newId = randomId, epochMs = wallClock } = options;

	async function answer(
		req: IncomingMessage,
		res: ServerResponse,
		request: MessagesRequest,
		hooks: UpstreamHooks | undefined
	): Promise<void> {
		const reply = demoReply(request);
		const session = String(req.headers['x-claude-code-session-id'] ?? '');
		const key = createHash('sha256')
			.update(`${session}\n${JSON.stringify(request.messages)}`)
			.digest('base64');
		const fault = reply.fault && strikes(reply.fault, key) ? reply.fault : null;
		if (fault?.kind === 'status') {
			// Behind the door a refused credential is a 403, whichever upstream refuses it.
			const status = hooks && fault.status === 401 ? 403 : fault.status;
			sendError(res, status, fault.errorType, fault.message, fault.headers);
			hooks?.onError?.(fault.status, fault.message, fault.headers);
			return;
		}
		const aborter = new AbortController();
		res.once('close', () => aborter.abort());
		const usage = usageOf(request);
		const context: StreamContext = {
			model: DEMO_MODEL_NAME,
			usage,
			newId,
			epochMs,
			paceFactor,
			signal: aborter.signal
		};
		let complete = false;
		try {
			if (request.stream) await streamReply(res, reply, context, fault);
			else sendJson(res, 200, wholeReply({ ...reply, pacing: AT_ONCE }, context));
			complete = fault === null;
		} catch (error) {
			if (!aborter.signal.aborted) throw error;
		} finally {
			hooks?.onUsage?.({ ...usage, model: DEMO_MODEL_NAME, complete });
		}
	}

	return {
		async handle(req, res, hooks) {
			const path = (req.url ?? '/').split('?')[0]!;
			if (req.method === 'GET' && path.startsWith('/v1/models')) {
				const data = MODELS.map((id) => ({ type: 'model', id, display_name: `Demo ${id}` }));
				return sendJson(res, 200, { data, has_more: false });
			}
			if (req.method !== 'POST' || !/^\/v1\/messages(\/count_tokens)?$/.test(path)) {
				return sendError(res, 404, 'not_found_error', 'Not found');
			}
			const body = await readBody(req);
			if (body === null) return sendError(res, 413, 'request_too_large', 'The body is too large.');
			const request = parseRequest(body);
			if (typeof request === 'string') {
				return sendError(res, 400, 'invalid_request_error', request);
			}
			if (path.endsWith('/count_tokens')) {
				return sendJson(res, 200, { input_tokens: estimateTokens(body) });
			}
			await answer(req, res, request, hooks);
		}
	};
}
