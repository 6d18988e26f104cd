import type { Repo } from '@agent-manager/protocol/repo.ts';

/** How a repo is called where people read it: `owner/name`, or the name of a local one. */
export const repoName = (repo: Pick<Repo, 'kind' | 'owner' | 'name'>): string =>
	repo.kind === 'local' ? repo.name : `${repo.owner}/${repo.name}`;
