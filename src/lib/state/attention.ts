/** Which sessions need a person, and in which order. Pure: the sidebar and the tab's title use it. */
import type { Session } from '@agent-manager/protocol/session.ts';

type Asking = Pick<Session, 'id' | 'status' | 'waitingFor' | 'unresponsive' | 'head' | 'updatedAt'>;

/**
 * 0: somebody is blocked by you. 1: it failed, or does not answer. 2: it has answered and you have not
 * looked.
 */
type Rank = 0 | 1 | 2;

const rankOf = (session: Asking, unread: boolean): Rank | null => {
	if (session.status === 'error' || session.unresponsive) return 1;
	if (session.status !== 'waiting') return null;
	if (session.waitingFor !== 'input') return 0;
	return unread ? 2 : null;
};

/**
 * The sessions that need a person: blocked ones first, then failed, then unread answers. Within a
 * rank the one that has waited longest is first, so that a new one never moves the others.
 */
export const needsYou = <S extends Asking>(
	sessions: readonly S[],
	isUnread: (session: S) => boolean
): S[] =>
	sessions
		.map((session) => ({ session, rank: rankOf(session, isUnread(session)) }))
		.filter((entry) => entry.rank !== null)
		.sort(
			(a, b) =>
				Number(a.rank) - Number(b.rank) ||
				Date.parse(a.session.updatedAt) - Date.parse(b.session.updatedAt)
		)
		.map((entry) => entry.session);
