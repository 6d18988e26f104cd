/** How a session's status is said and who has to act on it. Pure. */
import type { Session, SessionStatus, WaitingFor } from '@agent-manager/protocol/session.ts';

const WAITING_FOR_TEXT: Record<WaitingFor, string> = {
	input: 'for input',
	approval: 'for approval',
	answer: 'for an answer',
	plan: 'for plan review',
	limit: 'for the model’s limit',
	budget: 'for budget'
};

type StatusOf = Pick<Session, 'status' | 'waitingFor'>;

/** What a `waiting` session waits for, such as `for approval`; empty for other statuses. */
export const waitingText = ({ status, waitingFor }: StatusOf): string =>
	status === 'waiting' && waitingFor ? WAITING_FOR_TEXT[waitingFor] : '';

/** The status in words, such as `waiting for approval` or `running, unresponsive`. */
export const statusText = (session: StatusOf & Pick<Session, 'unresponsive'>): string =>
	`${session.status} ${waitingText(session)}`.trim() +
	(session.unresponsive ? ', unresponsive' : '');

/** Statuses with a live sandbox, or with one that the next message wakes. */
const LIVE: ReadonlySet<SessionStatus> = new Set(['starting', 'running', 'waiting']);

export const isLive = ({ status }: Pick<Session, 'status'>): boolean => LIVE.has(status);

/** Live, or failed and not dealt with: what stands before the ended ones in lists. */
export const isOpen = (session: Pick<Session, 'status'>): boolean =>
	isLive(session) || session.status === 'error';

/** Why a message cannot be sent now, with the way out; null when it can. */
export const messageRefusal = ({ status }: Pick<Session, 'status'>): string | null => {
	switch (status) {
		case 'stopped':
		case 'finished':
			return `This session is ${status}. Resume it to go on with the same conversation.`;
		case 'error':
			return 'This session has failed. Retry or resume it to go on.';
		default:
			return null;
	}
};
