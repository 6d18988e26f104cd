/** Where a session's things are. All under the workspace root, all absolute. */
import { stat } from 'node:fs/promises';
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

/** Which of a session's folders somebody has taken away; null while both are there, or can't be looked at. */
export const lostFolder = async ({
	worktree,
	sessionFolder
}: SessionPaths): Promise<'worktree' | 'session folder' | null> => {
	const isGone = (path: string): Promise<boolean> =>
		stat(path).then(
			() => false,
			({ code }: NodeJS.ErrnoException) => code === 'ENOENT'
		);
	if (await isGone(worktree)) return 'worktree';
	return (await isGone(sessionFolder)) ? 'session folder' : null;
};
