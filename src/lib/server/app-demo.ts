/** The demo in one call: a small repository, and an orchestrator that splits a feature over sessions. */
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { sessionIdSchema, type RepoId } from '@agent-manager/protocol/ids.ts';
import { sessionSchema, type Session } from '@agent-manager/protocol/session.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git } from './git/exec.ts';
import { makeSampleRepo } from './git/sample-repo.ts';
import { DEMO_FILES, DEMO_GOAL } from './model/demo/demo-feature.ts';
import { DEMO_FOLDER } from './repos/local-repo-check.ts';
import type { RepoService } from './repos/repo-service.ts';
import type { SessionService } from './sessions/session-service.ts';

export interface AppDemoOptions {
	workspaceRoot: string;
	git: Git;
	repos: RepoService;
	sessions: SessionService;
	modelKind: () => Promise<string>;
}

/** Answers with the demo's orchestrator: the one that is live, or a new one. */
export type StartDemo = () => Promise<Result<Session, WireError>>;

/** Registered once; what it was cloned to is ready when this resolves. */
const demoRepo = async ({
	workspaceRoot,
	git,
	repos
}: AppDemoOptions): Promise<Result<RepoId, WireError>> => {
	const path = join(workspaceRoot, DEMO_FOLDER, 'word-count');
	const made = await makeSampleRepo(git, { path, files: DEMO_FILES, message: 'Begin' });
	if (!made.ok) return made;
	const registered = await repos.register(path);
	const known = registered.ok ? registered.value.id : registered.error.details?.repoId;
	if (!registered.ok && registered.error.code !== 'repo_exists') return registered;
	const id = known as RepoId;
	await repos.settled(id);
	return ok(id);
};

export const createDemo = (options: AppDemoOptions): StartDemo => {
	const { sessions, modelKind } = options;
	const inTurn = pLimit(1);
	return () =>
		inTurn(async () => {
			if ((await modelKind()) !== 'demo') {
				const hint = 'Start the app with MODEL_UPSTREAM=demo to see it.';
				return fail(wireError('not_supported', 'The demo is played by the demo model.', { hint }));
			}
			const repo = await demoRepo(options);
			if (!repo.ok) return repo;
			const started = await sessions.start(repo.value, {
				...{ role: 'orchestrator', permissionMode: 'full', goalPrompt: DEMO_GOAL }
			});
			if (started.ok) return ok(sessionSchema.parse(started.value.session));
			const live = sessionIdSchema.safeParse(started.error.details?.sessionId);
			return live.success ? sessions.get(live.data) : started;
		});
};
