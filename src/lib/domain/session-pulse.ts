import type { DriverKind } from '@agent-manager/protocol/session.ts';

/** How the sessions' side is doing. */
export interface SessionPulse {
	/** Of the last look at all sessions, by the wall clock. */
	lookedAtMs: number | null;
	lookMs: number | null;
	/** Why that look failed. */
	problem: string | null;
	/** Sessions whose last step failed and is taken again. */
	retrying: number;
	/** Sandboxes that run, and how many of them have a runner connected. */
	sandboxes: number;
	runners: number;
	/** Records that wait for the database. */
	intake: number;
	/** Drivers that could not list their sandboxes. */
	unlisted: readonly DriverKind[];
	/** Sessions whose commits could not be brought into their mirror again, in words. */
	notMirrored: readonly string[];
}
