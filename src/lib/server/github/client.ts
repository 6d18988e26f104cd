/** GitHub's REST API, with its failures as errors of the closed list. */
import { Octokit } from '@octokit/rest';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { GithubCredentials } from './credentials.ts';

const DEFAULT_BASE_URL = 'https://api.github.com';
const TIMEOUT_MS = 15_000;

export interface GithubAnswer {
	/** null: nothing has changed since `etag`. */
	data: unknown;
	etag: string | null;
	/** Is there a further page? */
	hasNext: boolean;
}

export interface GithubClient {
	/**
	 * `GET` of a path such as `/user/repos`. Errors: `github_not_signed_in`, `github_unreachable`,
	 * `github_rate_limited`, `repo_missing_remote` (404).
	 */
	get(
		path: string,
		query: Readonly<Record<string, string | number>>,
		etag?: string | null
	): Promise<Result<GithubAnswer, WireError>>;
}

export interface GithubClientOptions {
	credentials: GithubCredentials;
	/** Default: GitHub's. Another one is for tests. */
	baseUrl?: string;
}

interface HttpFailure {
	status: number;
	headers: Record<string, string | undefined>;
	message: string;
}

const readFailure = (error: unknown): HttpFailure => {
	const { status, response, message } = error as {
		status?: unknown;
		response?: { headers?: Record<string, string | undefined> };
		message?: unknown;
	};
	return {
		status: typeof status === 'number' && response ? status : 0,
		headers: response?.headers ?? {},
		message: cleanLine(typeof message === 'string' ? message : 'no answer', 200)
	};
};

const isRateLimit = ({ status, headers, message }: HttpFailure): boolean =>
	status === 429 ||
	(status === 403 &&
		(headers['x-ratelimit-remaining'] === '0' ||
			headers['retry-after'] !== undefined ||
			/rate limit/i.test(message)));

/** When GitHub says that it will answer again, in words. */
const retryHint = ({ headers }: HttpFailure): string | undefined => {
	const seconds = Number(headers['retry-after']);
	if (seconds > 0) return `GitHub asks to wait ${Math.ceil(seconds)} seconds.`;
	const reset = Number(headers['x-ratelimit-reset']);
	return reset > 0
		? `GitHub will answer again at ${new Date(reset * 1000).toISOString()}.`
		: undefined;
};

const classify = (failure: HttpFailure): WireError => {
	const { status, message } = failure;
	if (isRateLimit(failure)) {
		const hint = retryHint(failure);
		return wireError('github_rate_limited', 'GitHub takes no more requests for now.', {
			...(hint === undefined ? {} : { hint })
		});
	}
	if (status === 401) {
		return wireError('github_not_signed_in', 'GitHub refused the login that is kept here.');
	}
	if (status === 403) {
		return wireError('github_not_signed_in', `The GitHub login may not do this: ${message}`);
	}
	if (status === 404) return wireError('repo_missing_remote', 'GitHub knows nothing of this name.');
	const reason = status === 0 ? message : `it answered ${status}`;
	return wireError('github_unreachable', `GitHub could not be asked: ${reason}`);
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const createGithubClient = (options: GithubClientOptions): GithubClient => {
	const { credentials, baseUrl = DEFAULT_BASE_URL } = options;
	return {
		async get(path, query, etag) {
			const credential = await credentials.find();
			if (!credential) {
				return fail(wireError('github_not_signed_in', 'Nobody is signed in to GitHub here.'));
			}
			const octokit = new Octokit({
				auth: credential.token,
				baseUrl,
				userAgent: 'agent-manager',
				log: silent
			});
			try {
				const { data, headers } = await octokit.request(`GET ${path}`, {
					...query,
					headers: etag ? { 'if-none-match': etag } : {},
					request: { signal: AbortSignal.timeout(TIMEOUT_MS) }
				});
				const hasNext = /<[^>]+>;\s*rel="next"/.test(headers.link ?? '');
				return ok({ data, etag: headers.etag ?? null, hasNext });
			} catch (error) {
				const failure = readFailure(error);
				if (failure.status === 304) return ok({ data: null, etag: etag ?? null, hasNext: false });
				if (failure.status === 401) credentials.forget();
				return fail(classify(failure));
			}
		}
	};
};
