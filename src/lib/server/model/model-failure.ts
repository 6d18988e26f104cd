/** What an API error means for the session: pure tables, from status and headers to words. */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';

/** A 429 the agent may get over by itself: it waits and asks again. */
export interface RateLimit {
	/** Seconds until the upstream wants to be asked again; null when it did not say. */
	retryAfterSeconds: number | null;
	/** Epoch milliseconds at which the limit is lifted; null when unknown. */
	resetsAtMs: number | null;
	/** Which limit, such as `five_hour`; null when unknown. */
	limit: string | null;
	/** True when asking again before `resetsAtMs` is of no use. */
	final: boolean;
	message: string;
}

const errorSchema = z.object({
	error: z.object({ type: z.string().nullish(), message: z.string() })
});

/** The words of an API error body. */
export function errorMessageOf(body: string, status: number): string {
	let json: unknown = null;
	try {
		json = JSON.parse(body);
	} catch {
		// Some gateways answer with a page; its text is of no use here.
	}
	const parsed = errorSchema.safeParse(json);
	return parsed.success
		? parsed.data.error.message
		: `The model's server answered with status ${status}.`;
}

const header = (headers: IncomingHttpHeaders, name: string): string | null => {
	const value = headers[name];
	return (Array.isArray(value) ? value[0] : value) ?? null;
};

/** Seconds or an HTTP date. */
function retryAfterOf(headers: IncomingHttpHeaders, nowMs: number): number | null {
	const value = header(headers, 'retry-after');
	if (value === null) return null;
	const seconds = Number(value);
	if (Number.isFinite(seconds) && seconds >= 0) return seconds;
	const date = Date.parse(value);
	return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - nowMs) / 1000));
}

/** Unix seconds, or an ISO date. */
function resetOf(headers: IncomingHttpHeaders, name: string): number | null {
	const value = header(headers, name);
	if (value === null) return null;
	if (/^\d{9,11}$/.test(value)) return Number(value) * 1000;
	const date = Date.parse(value);
	return Number.isNaN(date) ? null : date;
}

export function rateLimitOf(
	headers: IncomingHttpHeaders,
	message: string,
	nowMs: number
): RateLimit {
	const retryAfterSeconds = retryAfterOf(headers, nowMs);
	const resetsAtMs =
		resetOf(headers, 'anthropic-ratelimit-unified-reset') ??
		resetOf(headers, 'anthropic-ratelimit-requests-reset') ??
		(retryAfterSeconds === null ? null : nowMs + retryAfterSeconds * 1000);
	return {
		retryAfterSeconds,
		resetsAtMs,
		limit: header(headers, 'anthropic-ratelimit-unified-representative-claim'),
		final:
			header(headers, 'anthropic-ratelimit-unified-status') === 'rejected' ||
			header(headers, 'x-should-retry') === 'false',
		message
	};
}

const SIGN_IN = 'Run `claude` and type `/login`, or set ANTHROPIC_API_KEY.';

/**
 * The failure a person has to do something about; null when the agent gets over it by itself (or
 * when it is the agent's own fault, such as a model that does not exist).
 */
export function failureOf(
	status: number,
	message: string,
	limit: RateLimit | null
): WireError | null {
	if (status === 401 || status === 403) {
		return wireError('model_auth', `The model's server refused the credential: ${message}`, {
			hint: SIGN_IN,
			details: { status }
		});
	}
	if (status === 402 || (status === 400 && /credit balance/i.test(message))) {
		return wireError('model_limit', message, {
			hint: 'Add credit to the account of the API key, then send the message again.',
			details: { status }
		});
	}
	if (status === 429 && limit?.final) {
		return wireError('model_limit', message, {
			details: {
				status,
				retryAfterSeconds: limit.retryAfterSeconds,
				resetsAt: limit.resetsAtMs === null ? null : new Date(limit.resetsAtMs).toISOString(),
				limit: limit.limit
			}
		});
	}
	return null;
}
