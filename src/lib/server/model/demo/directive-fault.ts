/** Directives that break the API's answer. */
import { numberArg, textArg, type Directive } from './directive.ts';
import type { Fault } from './reply.ts';

const STATUS_ERRORS: Record<number, [type: string, message: string]> = {
	400: [
		'invalid_request_error',
		'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'
	],
	401: ['authentication_error', 'invalid x-api-key'],
	403: [
		'permission_error',
		'Your credential does not have permission to use the specified resource.'
	],
	404: ['not_found_error', 'model: no-such-model'],
	413: ['request_too_large', 'Request exceeds the maximum size'],
	429: ['rate_limit_error', 'This request would exceed your rate limit.'],
	500: ['api_error', 'Internal server error'],
	529: ['overloaded_error', 'Overloaded']
};

/** The fault a directive orders, or null if it is not one. */
export function faultOf(directive: Directive): Fault | null {
	if (directive.name === 'status') {
		const status = numberArg(directive, 'status', 500, 599);
		const [type, message] = STATUS_ERRORS[status] ?? ['api_error', `Status ${status}`];
		const retryAfter = textArg(directive, 'retry-after', '');
		return {
			kind: 'status',
			status: status < 400 ? 500 : status,
			errorType: textArg(directive, 'type', type),
			message: textArg(directive, 'message', message),
			headers: retryAfter === '' ? {} : { 'retry-after': retryAfter },
			times: numberArg(directive, 'times', 0)
		};
	}
	switch (directive.name) {
		case 'hang':
		case 'cut':
		case 'malformed':
		case 'sse-error':
			return {
				kind: directive.name,
				afterChunks: numberArg(directive, 'after', directive.name === 'hang' ? 0 : 3, 10_000),
				times: numberArg(directive, 'times', 1)
			};
		default:
			return null;
	}
}
