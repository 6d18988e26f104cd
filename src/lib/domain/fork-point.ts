/** What a fork goes on from: another session as it was when one of its turns had ended. */
export interface ForkPoint {
	sessionId: string;
	/** The event that ended the turn. */
	seq: number;
	/** Where the branch stood. */
	commit: string;
	/** Keeps the files as they were then, in the other session's worktree. Null: nothing does; rows of before say nothing. */
	checkpoint?: string | null;
	/** What the branch builds on. */
	baseCommit: string;
	/** The SDK's name for the conversation. */
	conversationId: string;
	/** Its last messages up to that turn's end, newest first: the agent keeps most of them, not all. */
	messageIds: string[];
}
