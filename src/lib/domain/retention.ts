/** Which sessions go to the archive, and which of those go for good. Pure; days are whole days. */
import type { SessionStatus } from '@agent-manager/protocol/session.ts';

export interface RetentionSettings {
	/** 0: never. */
	archiveAfterDays: number;
	/** Counted from the archiving. 0: never. */
	deleteAfterDays: number;
}

export interface RetentionFact {
	id: string;
	status: SessionStatus;
	/** An end is on its way. */
	ending: string | null;
	pinned: boolean;
	archivedAtMs: number | null;
	/** When the session last did something. */
	updatedAtMs: number;
}

const DAY_MS = 24 * 60 * 60_000;
const ENDED: ReadonlySet<SessionStatus> = new Set(['finished', 'stopped', 'error']);

const isOlder = (sinceMs: number, days: number, nowMs: number): boolean =>
	nowMs - sinceMs >= days * DAY_MS;

/** What a person has pinned is in use, however old. */
const mayGo = ({ status, ending, pinned }: RetentionFact): boolean =>
	ENDED.has(status) && ending === null && !pinned;

/** In the archive for at least so long. */
export const archivedFor = <T extends RetentionFact>(
	sessions: readonly T[],
	days: number,
	nowMs: number
): T[] =>
	sessions.filter(
		(session) =>
			mayGo(session) && session.archivedAtMs !== null && isOlder(session.archivedAtMs, days, nowMs)
	);

export const decideRetention = (
	sessions: readonly RetentionFact[],
	{ archiveAfterDays, deleteAfterDays }: RetentionSettings,
	nowMs: number
): { archive: string[]; purge: string[] } => ({
	archive:
		archiveAfterDays === 0
			? []
			: sessions
					.filter(
						(session) =>
							mayGo(session) &&
							session.archivedAtMs === null &&
							isOlder(session.updatedAtMs, archiveAfterDays, nowMs)
					)
					.map(({ id }) => id),
	purge:
		deleteAfterDays === 0 ? [] : archivedFor(sessions, deleteAfterDays, nowMs).map(({ id }) => id)
});
