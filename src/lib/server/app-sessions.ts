/** The parts that sessions are made of, tied to each other. */
import { randomUUID } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { defaultMaxRunning } from '#lib/domain/run-queue.ts';
import type { Observer } from './app-health.ts';
import type { Config } from './config.ts';
import type { Database } from './db/client.ts';
import { findRepo, type RepoRow } from './db/repos.ts';
import type { Git } from './git/exec.ts';
import type { Remote } from './git/remote.ts';
import type { Logger } from './logger.ts';
import type { Drivers } from './runner/driver-choice.ts';
import { createAnswerWatch } from './sessions/answer-watch.ts';
import { createIdleWatch } from './sessions/idle-watch.ts';
import type { Hub } from './sessions/hub.ts';
import { Reconciler } from './sessions/reconciler.ts';
import type { SessionContext, SessionDoor } from './sessions/session-context.ts';
import { RunQueue } from './sessions/run-queue.ts';
import { SessionChanges } from './sessions/session-changes.ts';
import { SessionCreation } from './sessions/session-creation.ts';
import { SessionGit } from './sessions/session-git.ts';
import { SessionLog } from './sessions/session-log.ts';
import { SessionManager } from './sessions/session-manager.ts';
import { DEFAULT_BASE_SYSTEM_PROMPT } from './sessions/session-prompts.ts';
import { createSessionRepair, type SessionRepair } from './sessions/session-repair.ts';
import { SessionService } from './sessions/session-service.ts';
import { Slots } from './sessions/slots.ts';
import type { WorkspacePresence } from './access/workspace-presence.ts';

export interface AppSessionsOptions {
	config: Config;
	db: Database;
	hub: Hub;
	git: Git;
	drivers: Drivers;
	door: SessionDoor;
	logger: Logger;
	instance: string;
	secret: string;
	observer: Observer;
	workspace: WorkspacePresence;
	remoteFor: (repo: RepoRow) => Promise<Remote>;
	onCounts: (repoId: RepoId) => void;
}

export interface AppSessions {
	log: SessionLog;
	manager: SessionManager;
	service: SessionService;
	repair: SessionRepair;
	/** A step is on its way for the session, or it has a sandbox. */
	isAtWork: (id: SessionId) => boolean;
	/** How many starts wait for their turn. */
	startsWaiting: () => number;
}

const GIT_IDENTITY = { name: 'Claude', email: 'noreply@anthropic.com' };

const now = (): Date => new Date();

/** A session that is gone holds no place in line, and counts no more. */
const forgetRemoved = (hub: Hub, runQueue: RunQueue, onCounts: (repoId: RepoId) => void): void => {
	hub.onList((signal) => {
		if (signal.type !== 'session_removed') return;
		runQueue.forget(signal.sessionId);
		onCounts(signal.repoId);
	});
};

export const createSessions = (options: AppSessionsOptions): AppSessions => {
	const { config, db, hub, drivers, instance, observer, remoteFor, onCounts } = options;
	const { workspaceRoot } = config;
	const runQueue: RunQueue = new RunQueue({
		maxRunning: config.maxRunningSessions ?? defaultMaxRunning(availableParallelism(), totalmem()),
		onAdmitted: (id) => reconciler.wake(id),
		onMoved: (id) => void log.republish(id)
	});
	forgetRemoved(hub, runQueue, onCounts);
	const log: SessionLog = new SessionLog({
		db,
		hub,
		now,
		queuePosition: (id) => runQueue.position(id),
		onCommit: (notice) => {
			manager.onCommit(notice);
			observer.committed(notice);
		}
	});
	const git = new SessionGit({
		git: options.git,
		workspaceRoot,
		instance,
		identity: GIT_IDENTITY,
		remoteFor,
		drivers: drivers.all,
		now
	});
	const startSlots = new Slots(Math.max(2, availableParallelism()));
	const context: SessionContext = {
		db,
		log,
		hub,
		git,
		now,
		workspaceRoot,
		workspaceProblem: () => options.workspace.problem(),
		instance,
		door: options.door,
		logger: options.logger,
		secret: options.secret,
		nowMs: () => performance.now(),
		newId: randomUUID,
		findRepo: (id) => findRepo(db, id),
		chooseDriver: drivers.choose,
		doubtDriver: drivers.doubt,
		drivers: drivers.all,
		runQueue,
		startSlots,
		acted: observer.acted,
		limits: {
			cpus: config.sandboxCpus,
			memoryBytes: config.sandboxMemoryMb * 1_048_576,
			pids: config.sandboxPids
		},
		baseSystemPrompt: config.baseSystemPrompt ?? DEFAULT_BASE_SYSTEM_PROMPT,
		gitIdentity: GIT_IDENTITY
	};
	const idleWatch = createIdleWatch({
		log,
		logger: options.logger,
		nowMs: context.nowMs,
		newId: randomUUID,
		idleTimeoutSeconds: config.idleTimeoutSeconds,
		sleepAfterSeconds: config.sleepAfterSeconds
	});
	const reconciler: Reconciler = new Reconciler(context);
	const manager: SessionManager = new SessionManager({
		context,
		reconciler,
		idleWatch,
		answerWatch: createAnswerWatch({
			log,
			logger: options.logger,
			nowMs: context.nowMs,
			newId: randomUUID
		}),
		onCounts
	});
	const creation = new SessionCreation({
		db,
		now,
		newId: randomUUID,
		findRepo: context.findRepo,
		hasBaseBranch: (repo, branch) => git.hasBaseBranch(repo, branch),
		isBranchFree: (repo, branch) => git.isBranchFree(repo, branch),
		hasSessionBranch: (repo, branch) => git.hasSessionBranch(repo, branch),
		onCreated: (row) => manager.created(log.adopt(row))
	});
	const changes = new SessionChanges(context, options.git);
	const isAtWork = (id: SessionId): boolean => reconciler.isAtWork(id);
	return {
		log,
		manager,
		service: new SessionService({ db, log, creation, changes, newId: randomUUID }),
		repair: createSessionRepair(context, isAtWork, (id) => reconciler.runtime(id)),
		isAtWork,
		startsWaiting: () => runQueue.length + startSlots.waiting
	};
};
