/** What the parts of a session's life share: made once, by the composition root. */
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import type { Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { SandboxDriver, SandboxLimits } from '#lib/server/runner/sandbox/driver.ts';
import type { Hub } from './hub.ts';
import type { RunQueue } from './run-queue.ts';
import type { SessionGit } from './session-git.ts';
import type { SessionLog } from './session-log.ts';
import type { Slots } from './slots.ts';

/** The door as sessions need it: opened before a sandbox starts, closed when it is gone. */
export interface SessionDoor {
	open(
		sessionId: SessionId,
		at: { directory: string; token: string; epoch: number }
	): Promise<Result<void, WireError>>;
	close(sessionId: SessionId): Promise<void>;
}

export interface DriverChoice {
	driver: SandboxDriver;
	/** Why this one, when it is not the one that was wished for. */
	notes: string[];
}

export interface SessionContext {
	db: Database;
	log: SessionLog;
	hub: Hub;
	git: SessionGit;
	door: SessionDoor;
	logger: Logger;
	now: () => Date;
	/** Monotonic milliseconds. */
	nowMs: () => number;
	newId: () => string;
	findRepo: (id: RepoId) => Promise<RepoRow | null>;
	/** The driver for a new sandbox; an earlier start's kind is kept while it can be had. */
	chooseDriver: (before: DriverKind | null) => Promise<Result<DriverChoice, WireError>>;
	/** A start with this driver has failed. */
	doubtDriver: (kind: DriverKind) => void;
	drivers: () => readonly SandboxDriver[];
	/** A step that changes something has ended; counted for the metrics. Must not throw. */
	acted: (action: string, outcome: 'done' | 'failed') => void;
	/** Who may start, and who waits in line for it. */
	runQueue: RunQueue;
	/**
	 * Held from the making of a sandbox until its agent has said something. Starting an agent is seconds of
	 * pure CPU: twenty at once make every session that speaks already stutter, and none comes up sooner.
	 */
	startSlots: Slots;
	workspaceRoot: string;
	/** null while the workspace is there. While it is not, what is missing in it says nothing. */
	workspaceProblem: () => Promise<WireError | null>;
	/** Id of this workspace's instance, on every label. */
	instance: string;
	/** Session tokens are derived from it. */
	secret: string;
	limits: SandboxLimits;
	baseSystemPrompt: string;
	/** Identity of the agent's commits. */
	gitIdentity: { name: string; email: string };
}
