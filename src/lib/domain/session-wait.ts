/**
 * What an orchestrator waits for: a set of sessions to come to rest, or a deadline. The wait is a part of
 * its session's state, and ending it is one write with the message that wakes it: so it wakes exactly
 * once, however often and by whomever it is looked at.
 */
import type { Session, SessionWait } from '@agent-manager/protocol/session.ts';
import { decidedBy, type Decider } from './orchestrator-decisions.ts';
import { decide, type Decision } from './session-decisions.ts';
import { isLive } from './session-machine.ts';
import type { SessionState } from './session-state.ts';

export type WaitReason = 'fulfilled' | 'due';

/** A session as a wait sees it; null when it is gone. */
export type Waited = Pick<
	Session,
	'id' | 'title' | 'status' | 'waitingFor' | 'queued' | 'commitCount' | 'pending' | 'startedBy'
>;

export interface WaitEnd {
	waitId: string;
	reason: WaitReason;
	/** Said to who waited. */
	text: string;
}

/**
 * There is something to do for who waits: it has ended, has done all that it was told, or asks what the
 * waiting one may answer. What is the person's to answer wakes nobody else.
 */
export const isAtRest = (session: Waited | null, waiter: Decider): boolean => {
	if (session === null || !isLive(session.status)) return true;
	if (session.status !== 'waiting') return false;
	if (session.waitingFor === 'input') return session.queued.length === 0;
	return session.pending.length === 0 || decidedBy(waiter, session).length > 0;
};

/** Whether the wait is over: null while it is not. */
export const waitOver = (
	{ mode, sessionIds, deadline }: Pick<SessionWait, 'mode' | 'sessionIds' | 'deadline'>,
	find: (id: string) => Waited | null,
	waiter: Decider,
	now: Date
): WaitReason | null => {
	const resting = sessionIds.filter((id) => isAtRest(find(id), waiter));
	const enough = mode === 'any' ? 1 : sessionIds.length;
	if (resting.length >= enough) return 'fulfilled';
	return now.getTime() >= Date.parse(deadline) ? 'due' : null;
};

const asksWords = (session: Waited, waiter: Decider): string => {
	if (session.pending.length === 0) return '';
	return decidedBy(waiter, session).length > 0 ? ', asks something' : ', asks the person something';
};

const stateWords = (session: Waited | null, waiter: Decider): string => {
	if (session === null) return 'is gone';
	const { status, waitingFor, commitCount } = session;
	const commits = commitCount === 1 ? '1 commit' : `${commitCount} commits`;
	const what = status === 'waiting' ? `waiting for ${waitingFor}` : status;
	return `${what}, ${commits}${asksWords(session, waiter)}`;
};

/** The message that wakes: facts only, since it is said in nobody's name. */
export const wakeText = (
	{ sessionIds }: Pick<SessionWait, 'sessionIds'>,
	find: (id: string) => Waited | null,
	waiter: Decider,
	reason: WaitReason
): string =>
	[
		reason === 'due'
			? 'Your wait has reached its deadline. The sessions now:'
			: 'Your wait is over. The sessions now:',
		...sessionIds.map((id) => {
			const session = find(id);
			return `- ${id}${session ? ` “${session.title}”` : ''}: ${stateWords(session, waiter)}`;
		})
	].join('\n');

/** Nothing when it has ended already, or when nobody is there to be woken. */
export const endWait = (state: SessionState, { waitId, reason, text }: WaitEnd): Decision => {
	if (state.wait?.waitId !== waitId) return { events: [], runnerCommands: [] };
	const woken = decide(state, { type: 'message', commandId: waitId, text, from: 'manager' });
	if (!woken.ok) return { events: [], runnerCommands: [] };
	const { events, runnerCommands } = woken.value;
	return {
		events: [{ type: 'wait.ended', payload: { waitId, reason } }, ...events],
		runnerCommands
	};
};
