/**
 * Wake-ups from writers to viewers. They carry no stored data: a viewer pulls from its own cursor.
 * Deltas are the one exception, as they are never stored.
 */
import type { Delta } from '@agent-manager/protocol/delta.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';

/** What a viewer of one session hears. */
export type SessionSignal =
	| { type: 'head'; head: number }
	/** The session's row as it is now. */
	| { type: 'session'; session: Session }
	/** `json` is the delta as JSON text, made once for all viewers; `head` the event it follows. */
	| { type: 'delta'; delta: Delta; json: string; head: number }
	/** The partial messages were replaced as a whole: a viewer takes a snapshot. */
	| { type: 'partials' };

/** What a viewer of lists hears. */
export type ListSignal =
	| { type: 'session'; session: Session }
	| { type: 'session_removed'; sessionId: SessionId; repoId: RepoId }
	| { type: 'repo'; repo: Repo }
	| { type: 'repo_removed'; repoId: RepoId };

type Listener<T> = (signal: T) => void;

export interface Hub {
	onSession(sessionId: SessionId, listener: Listener<SessionSignal>): () => void;
	onList(listener: Listener<ListSignal>): () => void;
	publishSession(sessionId: SessionId, signal: SessionSignal): void;
	publishList(signal: ListSignal): void;
	/** How many look at the session now. */
	viewers(sessionId: SessionId): number;
	/** Listeners of all sessions, and of the lists. */
	count(): { session: number; list: number };
}

export const createHub = (): Hub => {
	const sessions = new Map<SessionId, Set<Listener<SessionSignal>>>();
	const lists = new Set<Listener<ListSignal>>();
	return {
		onSession(sessionId, listener) {
			const listeners = sessions.get(sessionId) ?? new Set();
			sessions.set(sessionId, listeners.add(listener));
			return () => {
				listeners.delete(listener);
				if (listeners.size === 0) sessions.delete(sessionId);
			};
		},
		onList(listener) {
			lists.add(listener);
			return () => lists.delete(listener);
		},
		publishSession(sessionId, signal) {
			for (const listener of sessions.get(sessionId) ?? []) listener(signal);
		},
		publishList(signal) {
			for (const listener of lists) listener(signal);
		},
		viewers: (sessionId) => sessions.get(sessionId)?.size ?? 0,
		count: () => ({
			session: [...sessions.values()].reduce((sum, listeners) => sum + listeners.size, 0),
			list: lists.size
		})
	};
};
