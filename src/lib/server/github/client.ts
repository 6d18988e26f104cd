/** GitHub's REST API, with its failures as errors of the closed list. */
import { z } from 'zod';
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
	/**
	 * `POST`. Errors as above, and `github_forbidden`, `pull_request_exists`, `branch_not_pushed`,
	 * `github_refused` for what GitHub would not make.
	 */
	post(path: string, body: Record<string, unknown>): Promise<Result<GithubAnswer, WireError>>;
	/** For what REST does not tell. Errors as `get`; what GraphQL refuses is `github_refused`. */
	graphql(
		query: string,
		variables: Readonly<Record<string, string | number>>
	): Promise<Result<unknown, WireError>>;
}

export interface GithubClientOptions {
	credentials: GithubCredentials;
	/** Of the API: GitHub's by default, or of an Enterprise server. */
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

/** When GitHub says that it will answer again: in words, and as a moment. */
const retryOf = ({ headers }: HttpFailure): { hint?: string; details?: { retryAtMs: number } } => {
	const seconds = Number(headers['retry-after']);
	if (seconds > 0) {
		const retryAtMs = Date.now() + seconds * 1000;
		return { hint: `GitHub asks to wait ${Math.ceil(seconds)} seconds.`, details: { retryAtMs } };
	}
	const retryAtMs = Number(headers['x-ratelimit-reset']) * 1000;
	if (!(retryAtMs > 0 && retryAtMs < 8.64e15)) return {};
	const at = new Date(retryAtMs).toISOString();
	return { hint: `GitHub will answer again at ${at}.`, details: { retryAtMs } };
};

/** What GitHub says of a pull request that it would not make. */
const classifyRefusal = (message: string): WireError => {
	if (/already exists/i.test(message)) {
		return wireError('pull_request_exists', 'The branch has a pull request already.');
	}
	if (/no commits between/i.test(message)) {
		return wireError('nothing_to_do', 'GitHub sees no commits that the base does not have.');
	}
	if (/\bhead\b/i.test(message)) {
		return wireError('branch_not_pushed', 'GitHub does not have this branch yet.');
	}
	return wireError('github_refused', `GitHub would not take it: ${message}`);
};

const classify = (failure: HttpFailure): WireError => {
	const { status, message } = failure;
	if (isRateLimit(failure)) {
		const words = 'GitHub takes no more requests for now.';
		return wireError('github_rate_limited', words, retryOf(failure));
	}
	if (status === 401) {
		return wireError('github_not_signed_in', 'GitHub refused the login that is kept here.');
	}
	if (status === 403) {
		return wireError('github_forbidden', `The GitHub login may not do this: ${message}`);
	}
	if (status === 422) return classifyRefusal(message);
	if (status === 404) return wireError('repo_missing_remote', 'GitHub knows nothing of this name.');
	const reason = status === 0 ? message : `it answered ${status}`;
	return wireError('github_unreachable', `GitHub could not be asked: ${reason}`);
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Beside the REST API: at `/graphql`, on an Enterprise server at `/api/graphql`. */
const graphqlUrl = (baseUrl: string): string => `${baseUrl.replace(/\/(v3\/?)?$/, '')}/graphql`;

const graphqlSchema = z.object({ data: z.unknown(), errors: z.array(z.unknown()).optional() });

export const createGithubClient = (options: GithubClientOptions): GithubClient => {
	const { credentials, baseUrl = DEFAULT_BASE_URL } = options;

	const request = async (
		route: string,
		parameters: Record<string, unknown>,
		etag: string | null
	): Promise<Result<GithubAnswer, WireError>> => {
		const credential = await credentials.find();
		if (!credential) {
			return fail(wireError('github_not_signed_in', 'Nobody is signed in to GitHub here.'));
		}
		// Loaded here, so that no start of the app waits for it.
		const { Octokit } = await import('@octokit/rest');
		const octokit = new Octokit({
			auth: credential.token,
			baseUrl,
			userAgent: 'agent-manager',
			log: silent
		});
		try {
			const { data, headers } = await octokit.request(route, {
				...parameters,
				headers: etag ? { 'if-none-match': etag } : {},
				request: { signal: AbortSignal.timeout(TIMEOUT_MS) }
			});
			const hasNext = /<[^>]+>;\s*rel="next"/.test(headers.link ?? '');
			return ok({ data: data as unknown, etag: headers.etag ?? null, hasNext });
		} catch (error) {
			const failure = readFailure(error);
			if (failure.status === 304) return ok({ data: null, etag, hasNext: false });
			if (failure.status === 401) credentials.forget();
			return fail(classify(failure));
		}
	};

	return {
		get: (path, query, etag) => request(`GET ${path}`, query, etag ?? null),
		post: (path, body) => request(`POST ${path}`, body, null),
		graphql: async (query, variables) => {
			const asked = await request(`POST ${graphqlUrl(baseUrl)}`, { query, variables }, null);
			if (!asked.ok) return asked;
			const answer = graphqlSchema.safeParse(asked.value.data);
			return answer.success && !answer.data.errors
				? ok(answer.data.data)
				: fail(wireError('github_refused', 'GitHub would not answer that.'));
		}
	};
};
