/**
 * What an inventory compares: rows on one side, listings of what exists on the other. Things are
 * listed before the rows are read: so a thing without a row has none, and was not made in between.
 */
import type { DriverKind, SessionStatus } from '@agent-manager/protocol/session.ts';
import type { RepoStatus } from '@agent-manager/protocol/repo.ts';

/** A listing that failed is no empty one: nothing is concluded from it. */
export type Listing<T> = { ok: true; items: readonly T[] } | { ok: false; problem: string };

export interface SessionFact {
	id: string;
	repoId: string;
	title: string;
	branchName: string;
	status: SessionStatus;
	/** A purge is on its way. */
	purging: boolean;
	/** Its worktree has been made once. */
	hadWorktree: boolean;
	baseCommit: string | null;
	headCommit: string | null;
	/** A step is on its way for it, or it has a sandbox: what it has may change at any moment. */
	busy: boolean;
	updatedAtMs: number;
}

export interface RepoFact {
	id: string;
	/** `owner/name`. */
	name: string;
	/** Relative to the workspace. */
	mirrorPath: string;
	status: RepoStatus;
	/** A clone, a fetch or a removal is at work. */
	busy: boolean;
}

export interface SandboxFact {
	kind: DriverKind;
	/** The driver's own handle. */
	id: string;
	/** What a person would call it: the container's name, the record's folder. */
	name: string;
	/** `once`: the short-lived one of a single program. `broken`: ours, and its record can't be read. */
	owner: 'session' | 'once' | 'broken' | 'foreign';
	session: string | null;
	running: boolean;
	sinceMs: number | null;
}

/** A name in one of the workspace's folders. */
export interface EntryFact {
	name: string;
	isFolder: boolean;
	sinceMs: number;
}

export interface MirrorFact {
	/** Relative to the workspace. */
	path: string;
	sinceMs: number;
}

export interface RefFact {
	mirrorPath: string;
	/** Full, such as `refs/heads/agent/fix`. */
	ref: string;
	commit: string;
	/** Of the commit. */
	sinceMs: number;
	/** No branch of the upstream has it. Only asked for `refs/saved/*`. */
	unpushed: boolean | null;
}

export interface SocketFact {
	session: string;
	sinceMs: number;
}

/** Events in the log whose session has no row. */
export interface EventsFact {
	session: string;
	count: number;
}

export interface Rows {
	sessions: readonly SessionFact[];
	repos: readonly RepoFact[];
	/** Sessions whose door is open. */
	openDoors: ReadonlySet<string>;
}

export interface Listings {
	sandboxes: Listing<SandboxFact>;
	worktrees: Listing<EntryFact>;
	sessionFolders: Listing<EntryFact>;
	sockets: Listing<SocketFact>;
	mirrors: Listing<MirrorFact>;
	/** Half-written things in mirrors and beside them, as paths relative to the workspace. */
	mirrorLeftovers: Listing<EntryFact>;
	refs: Listing<RefFact>;
	/** Bundles of removed repos. */
	bundles: Listing<EntryFact>;
	/** The workspace's own folder. */
	root: Listing<EntryFact>;
	events: Listing<EventsFact>;
}
