/** The repo as pages and the API show it. */
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { Repo, RepoProgress, RepoRule, SessionCounts } from '@agent-manager/protocol/repo.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import { noCounts } from '#lib/server/db/sessions.ts';

export const toRepo = (
	row: RepoRow,
	counts: SessionCounts | undefined,
	progress: RepoProgress | null,
	rules: RepoRule[]
): Repo => ({
	id: row.id as RepoId,
	kind: row.kind,
	owner: row.owner,
	name: row.name,
	url: row.url,
	webUrl: row.webUrl,
	defaultBranch: row.defaultBranch,
	status: row.status,
	progress,
	error: row.error,
	branches: row.branches,
	fetchedAt: row.fetchedAt?.toISOString() ?? null,
	createdAt: row.createdAt.toISOString(),
	counts: counts ?? noCounts(),
	rules
});
