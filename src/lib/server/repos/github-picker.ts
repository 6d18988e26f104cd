/** The person's GitHub repositories, each with the id of the repo when it is registered already. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { GithubRepository } from '@agent-manager/protocol/repo.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import { listRepos } from '#lib/server/db/repos.ts';
import type { GithubRepositories } from '#lib/server/github/repositories.ts';

export interface GithubList {
	login: string;
	repositories: GithubRepository[];
	page: number;
	hasMore: boolean;
}

/** Errors: `github_not_signed_in`, `github_unreachable`, `github_rate_limited`. */
export const listGithubRepositories = async (
	db: Database,
	github: GithubRepositories,
	query: { q: string; page: number }
): Promise<Result<GithubList, WireError>> => {
	const listed = await github.list(query);
	if (!listed.ok) return listed;
	const registered = new Map((await listRepos(db)).map((row) => [row.identity, row.id as RepoId]));
	const repositories = listed.value.repositories.map((repository) => ({
		...repository,
		repoId: registered.get(`github:${repository.fullName.toLowerCase()}`) ?? null
	}));
	return ok({ ...listed.value, repositories });
};
