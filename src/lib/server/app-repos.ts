/** The app's repos: git, GitHub and the service that composes them. */
import { randomUUID } from 'node:crypto';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import { latestOnly } from '#lib/domain/latest-only.ts';
import type { Result } from '#lib/domain/result.ts';
import type { AppSessions } from './app-sessions.ts';
import type { Config } from './config.ts';
import type { Database } from './db/client.ts';
import type { RepoRow } from './db/repos.ts';
import type { Git } from './git/exec.ts';
import type { Remote } from './git/remote.ts';
import { createGithubClient } from './github/client.ts';
import { createGithubCredentials } from './github/credentials.ts';
import { createGithubRepositories } from './github/repositories.ts';
import type { Logger } from './logger.ts';
import { listGithubRepositories, type GithubList } from './repos/github-picker.ts';
import { webOriginOf } from './repos/github-place.ts';
import { PullRequestService } from './repos/pull-request-service.ts';
import { createRemoteFinder } from './repos/repo-remote.ts';
import { RepoService } from './repos/repo-service.ts';
import type { Hub } from './sessions/hub.ts';
import { pushAndWait } from './sessions/push-and-wait.ts';
import { purgeAllSessions } from './sessions/purge-all.ts';
import type { WorkspacePresence } from './access/workspace-presence.ts';

export interface AppReposOptions {
	config: Config;
	db: Database;
	git: Git;
	hub: Hub;
	logger: Logger;
	workspace: WorkspacePresence;
	/** Asked late: sessions are made with git in hand. */
	sessions: () => AppSessions;
}

export interface AppRepos {
	service: RepoService;
	remoteFor: (repo: RepoRow) => Promise<Remote>;
	listGithub: (query: { q: string; page: number }) => Promise<Result<GithubList, WireError>>;
	pulls: PullRequestService;
	/** Where the GitHub login is from; null without one. */
	githubLogin: () => Promise<string | null>;
	/** Tells the lists, a moment later, that a repo's sessions are counted differently. */
	publishCounts: (id: RepoId) => void;
}

/** A status changes where something begins or ends, when every query is in its way. */
const COUNTS_DELAY_MS = 100;

const now = (): Date => new Date();

export const createAppRepos = (options: AppReposOptions): AppRepos => {
	const { config, db, git, hub, logger, workspace, sessions } = options;
	const policy = { allowGitHosts: config.allowGitHosts };
	const apiUrl = config.githubApiUrl;
	const webOrigin = webOriginOf(apiUrl);
	const credentials = createGithubCredentials({ host: new URL(webOrigin).host });
	const client = createGithubClient({ credentials, baseUrl: apiUrl });
	const github = createGithubRepositories(client);
	const remoteFor = createRemoteFinder(policy, credentials, webOrigin);
	const pulls = new PullRequestService({
		...{ db, client, apiUrl, logger, now: Date.now },
		session: (id) => sessions().service.get(id),
		push: (id) => pushAndWait(sessions().service, hub, id),
		send: (id, text, key) => sessions().service.sendMessage(id, { message: text }, 'person', key)
	});
	const publish = latestOnly(async (id: RepoId): Promise<void> => {
		try {
			const repo = await service.get(id);
			if (repo.ok) hub.publishList({ type: 'repo', repo: repo.value });
		} catch (cause) {
			logger.warn({ err: cause }, 'a repo could not be shown');
		}
	});
	const counted = new Set<RepoId>();
	const publishCounts = (id: RepoId): void => {
		if (counted.has(id)) return;
		counted.add(id);
		const tell = (): void => {
			counted.delete(id);
			publish(id);
		};
		setTimeout(tell, COUNTS_DELAY_MS).unref();
	};
	const service: RepoService = new RepoService({
		db,
		git,
		policy,
		remoteFor,
		now,
		logger,
		workspaceRoot: config.workspaceRoot,
		isWorkspaceThere: async () => (await workspace.problem()) === null,
		newId: randomUUID,
		purgeSessions: (id) => purgeAllSessions(sessions().service, hub, id),
		onChange: publish,
		onRulesChanged: (repoId) => sessions().manager.rulesChanged(repoId),
		onMirrorMade: (repoId) => sessions().manager.mirrorMade(repoId),
		onRemoved: (repoId) => hub.publishList({ type: 'repo_removed', repoId })
	});
	return {
		service,
		remoteFor,
		publishCounts,
		pulls,
		githubLogin: async () => (await credentials.find())?.source ?? null,
		listGithub: (query) => listGithubRepositories(db, github, query)
	};
};
