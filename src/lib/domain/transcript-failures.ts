/** What went wrong with the model or the turn, in words, and what the person can do about it. */

export interface FailureWords {
	title: string;
	hint: string | null;
}

const signIn =
	'Sign in with `claude` on this machine or set ANTHROPIC_API_KEY, then send the message again.';

/** By the SDK's `assistant.error`, which also names the reason of a retry. */
const modelErrors: Record<string, FailureWords> = {
	authentication_failed: { title: 'The model did not accept the credentials', hint: signIn },
	oauth_org_not_allowed: {
		title: 'The organisation of this login may not use the model',
		hint: 'Sign in with another account, then send the message again.'
	},
	account_on_hold: {
		title: 'The account is on hold',
		hint: 'Look at the account with the model’s provider.'
	},
	verification_required: {
		title: 'The account has to be verified first',
		hint: 'Look at the account with the model’s provider.'
	},
	billing_error: {
		title: 'The model’s provider refuses for billing reasons',
		hint: 'Check credit and payment with the provider, then send the message again.'
	},
	rate_limit: {
		title: 'The model’s limit is reached',
		hint: 'Wait until the limit resets, then send the message again.'
	},
	overloaded: {
		title: 'The model is overloaded',
		hint: 'Wait a minute, then send the message again.'
	},
	invalid_request: { title: 'The model refused the request', hint: null },
	model_not_found: {
		title: 'The model does not exist or this login may not use it',
		hint: 'Start a session with another model.'
	},
	server_error: {
		title: 'The model’s server failed',
		hint: 'Wait a minute, then send the message again.'
	},
	max_output_tokens: {
		title: 'The answer was longer than the model may give at once',
		hint: 'Ask it to go on.'
	},
	cloud_credential_error: { title: 'The cloud’s credentials were not accepted', hint: signIn },
	unknown: { title: 'The model could not answer', hint: 'Send the message again.' }
};

/** By the SDK's `terminal_reason` of a result. */
const endings: Record<string, FailureWords> = {
	max_turns: { title: 'The turn took more steps than allowed', hint: 'Ask it to go on.' },
	budget_exhausted: { title: 'The budget of the turn is used up', hint: null },
	prompt_too_long: {
		title: 'The conversation is longer than the model can read',
		hint: 'Send /compact, or start a new session.'
	},
	image_error: { title: 'An image could not be read by the model', hint: null },
	blocking_limit: {
		title: 'A limit of the account stops the turn',
		hint: 'Wait until the limit resets, then send the message again.'
	},
	hook_stopped: { title: 'A hook stopped the turn', hint: null },
	stop_hook_prevented: { title: 'A hook kept the turn from ending', hint: null },
	malformed_tool_use_exhausted: {
		title: 'The model kept calling a tool in a way that can’t be read',
		hint: 'Send the message again.'
	}
};

const bySubtype: Record<string, FailureWords> = {
	error_max_turns: { title: 'The turn took more steps than allowed', hint: 'Ask it to go on.' },
	error_max_budget_usd: { title: 'The budget of the turn is used up', hint: null },
	error_max_structured_output_retries: {
		title: 'The model did not answer in the form that was asked for',
		hint: 'Send the message again.'
	}
};

const byHttpStatus = (status: number | null): string | null => {
	if (status === 401 || status === 403) return 'authentication_failed';
	if (status === 402) return 'billing_error';
	if (status === 404) return 'model_not_found';
	if (status === 429) return 'rate_limit';
	if (status === 529) return 'overloaded';
	if (status !== null && status >= 500) return 'server_error';
	return null;
};

const row = (table: Record<string, FailureWords>, key: string | null): FailureWords | null =>
	key !== null && Object.hasOwn(table, key) ? (table[key] ?? null) : null;

export const modelErrorWords = (code: string): FailureWords =>
	row(modelErrors, code) ?? {
		title: 'The model could not answer',
		hint: 'Send the message again.'
	};

/** Words for a turn's result that failed, from whatever the SDK says of it. */
export const resultFailureWords = (
	subtype: string | null,
	terminalReason: string | null,
	apiStatus: number | null
): FailureWords =>
	row(bySubtype, subtype) ??
	row(endings, terminalReason) ??
	row(modelErrors, byHttpStatus(apiStatus)) ?? {
		title: 'The turn failed',
		hint: 'Send the message again.'
	};

/** Why the model is asked again, in a few words. */
export const retryReason = (code: string | null, httpStatus: number | null): string => {
	if (code !== null && code !== 'unknown' && Object.hasOwn(modelErrors, code)) {
		return modelErrorWords(code).title;
	}
	const known = byHttpStatus(httpStatus);
	if (known) return modelErrorWords(known).title;
	return httpStatus === null ? 'The model can’t be reached' : `The model answered ${httpStatus}`;
};
