/**
 * The app's parts, apart from its database. A module of its own because what it stands on takes long to
 * load: that happens while the database starts.
 */
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { loadSecret } from './access/credentials.ts';
import { keepFiles, type KeptFile } from './access/keep-files.ts';
import type { Traffic } from './api/traffic.ts';
import type { AppDatabase } from './app-database.ts';
import { createAppDoor, type AppDoor } from './app-door.ts';
import { explainFailure } from './app-failure.ts';
import { createGuards } from './app-guards.ts';
import { createAppHealth, type AppHealth } from './app-health.ts';
import { createAppOrchestrator, type AppOrchestrator } from './app-orchestrator.ts';
import { createAppRepos, type AppRepos } from './app-repos.ts';
import { createSandboxes } from './app-sandboxes.ts';
import { createSessions, type AppSessions } from './app-sessions.ts';
import { stopApp } from './app-stop.ts';
import type { Config } from './config.ts';
import { createGit, type Git } from './git/exec.ts';
import type { Logger } from './logger.ts';
import { createLauncher, type Launcher } from './programs/launcher.ts';
import { readAppVersion } from './project-root.ts';
import { createHub } from './sessions/hub.ts';
import { closeAllBrowsers, setWebSocketEdge } from './websocket/attach.ts';
import { watchWorkspace } from './access/workspace-presence.ts';

export interface Parts {
	stopKeeping: () => void;
	database: AppDatabase;
	launcher: Launcher;
	git: Git;
	repos: AppRepos;
	sessions: AppSessions;
	door: AppDoor;
	drivers: ReturnType<typeof createSandboxes>;
	health: AppHealth;
	orchestrator: AppOrchestrator;
}

/** Ties them together; nothing of them acts yet. */
export const createParts = async (
	config: Config,
	logger: Logger,
	database: AppDatabase,
	{ instance, token }: { instance: string; token: string | null }
) => {
	const { db } = database;
	const hub = createHub();
	const secret = await loadSecret(config.workspaceRoot, 'secret');
	const launcher = createLauncher({ logger });
	const { launch } = launcher;
	const workspace = await watchWorkspace(config.workspaceRoot, instance);
	const guards = createGuards(database.confirmLease, workspace);
	const git = guards.git(createGit({ launch }));
	const explain = (cause: unknown): WireError => explainFailure(cause, database.problem());
	const health = createAppHealth({
		...{ config, db, git, hub, logger, instance, explain, workspace },
		confirmLease: database.confirmLease,
		parts: () => ({ drivers, door, repos, sessions })
	});
	const { observer } = health;
	const late = {
		sessions: (): AppSessions => sessions,
		orchestrator: (): AppOrchestrator => orchestrator
	};
	const drivers = createSandboxes({
		...{ config, logger, guards, launch },
		onChange: () => undefined
	});
	const door: AppDoor = createAppDoor({ config, db, logger, guards, observer, ...late });
	const repos = createAppRepos({ config, db, git, hub, logger, workspace, ...late });
	const sessions: AppSessions = createSessions({
		config,
		db,
		hub,
		drivers,
		logger,
		instance,
		secret,
		git,
		observer,
		workspace,
		door: door.door,
		remoteFor: repos.remoteFor,
		onCounts: (repoId: RepoId) => repos.publishCounts(repoId)
	});
	const orchestrator: AppOrchestrator = createAppOrchestrator({
		...{ config, hub, logger, sessions, repos: repos.service },
		version: readAppVersion(),
		explain
	});
	const inWorkspace = (name: string, text: string, mode: number): KeptFile => ({
		path: join(config.workspaceRoot, name),
		text: `${text}\n`,
		mode
	});
	const stopKeeping = keepFiles(
		[
			inWorkspace('instance', instance, 0o644),
			inWorkspace('secret', secret, 0o600),
			...(token === null ? [] : [inWorkspace('token', token, 0o600)])
		],
		workspace,
		logger
	);
	const parts: Parts = {
		...{
			stopKeeping,
			database,
			launcher,
			git,
			repos,
			sessions,
			door,
			drivers,
			health,
			orchestrator
		}
	};
	return { hub, parts };
};

/** Takes them apart again, in order. */
export const stopParts = (
	{ stopKeeping, database, launcher, sessions, door, repos, health, orchestrator }: Parts,
	traffic: Traffic,
	logger: Logger
): Promise<void> => {
	stopKeeping();
	return stopApp({
		logger,
		closeTraffic: () => traffic.close(),
		closeViewers: () => {
			setWebSocketEdge({ refusal: wireError('shutting_down', 'The app is ending.') });
			closeAllBrowsers();
		},
		stopSessions: async () => {
			await Promise.all([health.service.stop(), orchestrator.stop(), sessions.manager.stop()]);
		},
		stopRepos: async () => {
			await Promise.all([repos.service.stop(), repos.pulls.stop()]);
		},
		writesSettled: () => sessions.log.settled(),
		closeDoor: () => door.door.closeAll(),
		endPrograms: () => launcher.close(),
		stopDatabase: () => database.stop()
	});
};
