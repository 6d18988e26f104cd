/** Who started whom, for lists. Pure. */
import type { Session } from '@agent-manager/protocol/session.ts';

/** A session and after it those that it started, each in the order of the list. */
export interface SessionBranch {
	branch: Session[];
}

/** One branch for each session whose starter is not in the list, in the list's order. */
export const sessionTree = (sessions: readonly Session[]): SessionBranch[] => {
	const branches = new Map<string, Session[]>();
	for (const session of sessions) branches.set(session.id, [session]);
	const roots = sessions.filter((session) => {
		const starter = session.startedBy === null ? undefined : branches.get(session.startedBy);
		starter?.push(session);
		return starter === undefined;
	});
	return roots.map(({ id }) => ({ branch: branches.get(id) ?? [] }));
};
