/**
 * The repositories that the person can reach on GitHub, most recently pushed first. GitHub has no
 * search over them, so the pages are kept in memory and searched here; they are asked for again with
 * their ETag, which costs nothing of the rate limit while nothing has changed.
 */
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { GithubClient } from './client.ts';

const PAGE_SIZE = 100;
/** Two thousand repositories; who has more searches among the most recently pushed ones. */
const PAGES_MAX = 20;
const FRESH_MS = 60_000;
const ANSWER_SIZE = 30;

const repositorySchema = z.object({
	full_name: z.string(),
	description: z.string().nullable(),
	private: z.boolean(),
	pushed_at: z.iso.datetime({ offset: true }).nullable()
});

const userSchema = z.object({ login: z.string() });

export interface GithubRepositoryFound {
	/** `owner/name`. */
	fullName: string;
	description: string | null;
	private: boolean;
	pushedAt: string | null;
}

export interface GithubRepositoryPage {
	login: string;
	repositories: GithubRepositoryFound[];
	page: number;
	hasMore: boolean;
}

export interface GithubRepositories {
	/** `q` may hold several words, all of which must occur. Errors as `GithubClient.get`. */
	list(query: { q: string; page: number }): Promise<Result<GithubRepositoryPage, WireError>>;
}

interface KeptPage {
	etag: string | null;
	hasNext: boolean;
	repositories: GithubRepositoryFound[];
}

interface Kept {
	login: string;
	pages: KeptPage[];
	at: number;
}

const unexpected = (): Result<never, WireError> =>
	fail(wireError('github_unreachable', 'GitHub answered in a form that was not expected.'));

const loadPage = async (
	client: GithubClient,
	number: number,
	kept: KeptPage | undefined
): Promise<Result<KeptPage, WireError>> => {
	const query = { per_page: PAGE_SIZE, sort: 'pushed', page: number };
	const answer = await client.get('/user/repos', query, kept?.etag);
	if (!answer.ok) return answer;
	if (answer.value.data === null && kept) return ok(kept);
	const parsed = z.array(repositorySchema).safeParse(answer.value.data);
	if (!parsed.success) return unexpected();
	const repositories = parsed.data.map((repository) => ({
		fullName: repository.full_name,
		description: repository.description,
		private: repository.private,
		pushedAt: repository.pushed_at
	}));
	return ok({ etag: answer.value.etag, hasNext: answer.value.hasNext, repositories });
};

const loadAll = async (
	client: GithubClient,
	kept: Kept | null,
	now: () => number
): Promise<Result<Kept, WireError>> => {
	const user = await client.get('/user', {});
	if (!user.ok) return user;
	const login = userSchema.safeParse(user.value.data);
	if (!login.success) return unexpected();
	const before = kept?.login === login.data.login ? kept.pages : [];
	const pages: KeptPage[] = [];
	for (let number = 1; number <= PAGES_MAX; number++) {
		const page = await loadPage(client, number, before[number - 1]);
		if (!page.ok) return page;
		pages.push(page.value);
		if (!page.value.hasNext) break;
	}
	return ok({ login: login.data.login, pages, at: now() });
};

const matches = (repository: GithubRepositoryFound, words: readonly string[]): boolean => {
	const text = `${repository.fullName} ${repository.description ?? ''}`.toLowerCase();
	return words.every((word) => text.includes(word));
};

export const createGithubRepositories = (
	client: GithubClient,
	now: () => number = Date.now
): GithubRepositories => {
	let kept: Kept | null = null;
	let loading: Promise<Result<Kept, WireError>> | null = null;

	const load = async (): Promise<Result<Kept, WireError>> => {
		if (kept && now() - kept.at < FRESH_MS) return ok(kept);
		loading ??= loadAll(client, kept, now).finally(() => (loading = null));
		const loaded = await loading;
		kept = loaded.ok ? loaded.value : null;
		return loaded;
	};

	return {
		async list({ q, page }) {
			const loaded = await load();
			if (!loaded.ok) return loaded;
			const words = q.toLowerCase().split(/\s+/).filter(Boolean);
			const seen = new Map<string, GithubRepositoryFound>();
			for (const repository of loaded.value.pages.flatMap((one) => one.repositories)) {
				if (matches(repository, words)) seen.set(repository.fullName, repository);
			}
			const found = [...seen.values()];
			const from = (page - 1) * ANSWER_SIZE;
			return ok({
				login: loaded.value.login,
				repositories: found.slice(from, from + ANSWER_SIZE),
				page,
				hasMore: found.length > from + ANSWER_SIZE
			});
		}
	};
};
