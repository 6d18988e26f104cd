/** Where a session's things are. All under the workspace root, all absolute. */
import { join } from 'node:path';
import type { SessionId } from '@agent-manager/protocol/ids.ts';

export interface SessionPaths {
	/** The checkout, with its own git directory inside. Made by the manager, then the agent's. */
	worktree: string;
	/** Outbox, agent config and conversation; the sandbox writes here. */
	sessionFolder: string;
	/** Holds the door's socket; read-only in the sandbox. */
	doorDirectory: string;
	/** How the runner shall start the agent; written before each start. */
	agentOptions: string;
}

export const sessionPaths = (workspaceRoot: string, sessionId: SessionId): SessionPaths => {
	const sessionFolder = join(workspaceRoot, 'sessions', sessionId);
	return {
		worktree: join(workspaceRoot, 'worktrees', sessionId),
		sessionFolder,
		doorDirectory: join(sessionFolder, 'door'),
		agentOptions: join(sessionFolder, 'agent-options.json')
	};
};
