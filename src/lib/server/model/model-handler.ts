/**
 * What is behind the door's `/model/*`: lets a few paths of the Messages API through, puts the
 * credential in, and tells the session what was used and what went wrong.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { passToUpstream, sendModelError } from './http-upstream.ts';
import { failureOf, rateLimitOf, type RateLimit } from './model-failure.ts';
import { redact } from './redact.ts';
import type { Upstream } from './upstream.ts';
import type { ModelUsage, UpstreamHooks } from './usage.ts';

export interface ModelHandlerOptions {
	resolveUpstream: () => Promise<Result<Upstream, WireError>>;
	/** What `createUpstreamAgent` made, the same at each call. */
	dispatcher: () => Promise<Dispatcher>;
	onUsage: (sessionId: string, usage: ModelUsage) => void;
	/** A person has to do something: `model_auth`, `model_limit`, `model_unreachable`. */
	onFailure: (sessionId: string, error: WireError) => void;
	/** The upstream asked for patience; the agent waits and tries again by itself unless `final`. */
	onRateLimit: (sessionId: string, limit: RateLimit) => void;
	logger: Logger;
	now: () => number;
}

export type ModelHandler = (
	req: IncomingMessage,
	res: ServerResponse,
	session: { sessionId: string }
) => void;

/** What the agent needs, and no more: no files, batches, organizations or admin paths. */
const ALLOWED: [method: string, path: RegExp][] = [
	['POST', /^\/v1\/messages$/],
	['POST', /^\/v1\/messages\/count_tokens$/],
	['GET', /^\/v1\/models(\/[A-Za-z0-9._@:-]{1,200})?$/]
];

/** Anthropic takes 32 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export function isAllowedPath(method: string, url: string): boolean {
	const path = url.split('?')[0]!;
	return (
		!path.includes('..') && ALLOWED.some(([verb, pattern]) => verb === method && pattern.test(path))
	);
}

/** Refuses a body that is longer than any model takes. */
function checkLength(req: IncomingMessage, res: ServerResponse): boolean {
	if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
		sendModelError(res, 413, 'request_too_large', 'The request is larger than 64 MiB.');
		req.resume();
		return false;
	}
	return true;
}

const causeOf = (error: unknown): string => {
	if (!(error instanceof Error)) return 'unknown';
	const code = (error as NodeJS.ErrnoException).code;
	return code ?? error.message;
};

export function createModelHandler(options: ModelHandlerOptions): ModelHandler {
	const { logger, now } = options;

	function hooksFor(sessionId: string): UpstreamHooks {
		return {
			onUsage: (usage) => options.onUsage(sessionId, usage),
			onError: (status, message, headers) => {
				const limit = status === 429 ? rateLimitOf(headers, message, now()) : null;
				if (limit) options.onRateLimit(sessionId, limit);
				const failure = failureOf(status, message, limit);
				if (failure) options.onFailure(sessionId, failure);
				logger.warn({ sessionId, status, message: redact(message) }, 'the model refused a request');
			}
		};
	}

	async function serve(
		req: IncomingMessage,
		res: ServerResponse,
		sessionId: string
	): Promise<void> {
		if (!isAllowedPath(req.method ?? '', req.url ?? '')) {
			req.resume();
			return sendModelError(res, 403, 'permission_error', 'The door does not offer this path.');
		}
		if (!checkLength(req, res)) return;
		const upstream = await options.resolveUpstream();
		if (!upstream.ok) {
			const { error } = upstream;
			options.onFailure(sessionId, error);
			req.resume();
			const words = [error.message, error.hint].filter(Boolean).join(' ');
			return sendModelError(res, 403, 'authentication_error', words);
		}
		const hooks = hooksFor(sessionId);
		if (upstream.value.kind === 'demo') return upstream.value.handle(req, res, hooks);
		try {
			await passToUpstream(upstream.value, await options.dispatcher(), req, res, hooks);
		} catch (error) {
			if (res.destroyed) return;
			const cause = redact(causeOf(error), secretsOf(upstream.value));
			logger.warn({ sessionId, cause }, 'the model can not be reached');
			const message = `The model's server can't be reached (${cause}).`;
			options.onFailure(sessionId, wireError('model_unreachable', message));
			// The agent tries again after a 502, so a short outage passes by itself.
			sendModelError(res, 502, 'api_error', message);
		}
	}

	return (req, res, { sessionId }) => {
		serve(req, res, sessionId).catch((error: unknown) => {
			logger.error({ err: error, sessionId }, 'model request failed');
			sendModelError(res, 500, 'api_error', 'The door failed.');
		});
	};
}

const secretsOf = (upstream: Upstream): string[] =>
	upstream.kind !== 'demo' && upstream.credential ? [upstream.credential.secret] : [];
