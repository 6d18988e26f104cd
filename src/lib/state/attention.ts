/** Which sessions need a person, and in which order. Pure: the sidebar and the tab's title use it. */
import type { Session } from '@agent-manager/protocol/session.ts';
import { decidedBy } from '#lib/domain/orchestrator-decisions.ts';
import { isLive } from '#lib/domain/session-machine.ts';

type Asking = Pick<
	Session,
	| 'id'
	| 'status'
	| 'waitingFor'
	| 'unresponsive'
	| 'head'
	| 'updatedAt'
	| 'startedBy'
	| 'pending'
	| 'permissionMode'
	| 'queued'
	| 'wait'
>;

/**
 * 0: somebody is blocked by you. 1: it failed, or does not answer. 2: it has answered and you have not
 * looked.
 */
type Rank = 0 | 1 | 2;

/** Its orchestrator is at work, about to be, or is woken when this session comes to rest. */
const isWatched = ({ id }: Asking, starter: Asking | undefined): starter is Asking => {
	if (!starter || !isLive(starter.status) || starter.unresponsive) return false;
	if (starter.status !== 'waiting' || starter.waitingFor !== 'input') return true;
	return starter.queued.length > 0 || (starter.wait?.sessionIds.includes(id) ?? false);
};

const rankOf = (session: Asking, starter: Asking | undefined, unread: boolean): Rank | null => {
	if (session.status === 'error' || session.unresponsive) return 1;
	if (session.status !== 'waiting') return null;
	const isLookedAfter = isWatched(session, starter);
	if (session.waitingFor === 'input') return unread && !isLookedAfter ? 2 : null;
	if (session.pending.length === 0 || !isLookedAfter) return 0;
	return decidedBy(starter, session).length < session.pending.length ? 0 : null;
};

/**
 * The sessions that need a person: blocked ones first, then failed, then unread answers. Within a
 * rank the one that has waited longest is first, so that a new one never moves the others. What the
 * orchestrator of a session answers and reads is left to it.
 */
export const needsYou = <S extends Asking>(
	sessions: readonly S[],
	isUnread: (session: S) => boolean
): S[] => {
	const byId = new Map(sessions.map((session) => [session.id, session]));
	const starterOf = ({ startedBy }: S): S | undefined =>
		startedBy === null ? undefined : byId.get(startedBy);
	return sessions
		.map((session) => ({
			session,
			rank: rankOf(session, starterOf(session), isUnread(session))
		}))
		.filter((entry) => entry.rank !== null)
		.sort(
			(a, b) =>
				Number(a.rank) - Number(b.rank) ||
				Date.parse(a.session.updatedAt) - Date.parse(b.session.updatedAt)
		)
		.map((entry) => entry.session);
};
