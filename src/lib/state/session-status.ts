/** How a session's status is said and who has to act on it. Pure. */
import type { Session, SessionStatus, WaitingFor } from '@agent-manager/protocol/session.ts';
import { ordinal, plural } from './format.ts';

const WAITING_FOR_TEXT: Record<WaitingFor, string> = {
	input: 'for input',
	approval: 'for approval',
	answer: 'for an answer',
	plan: 'for plan review',
	limit: 'for the model’s limit',
	budget: 'for budget'
};

type WaitingOf = Pick<Session, 'status' | 'waitingFor'> & Partial<Pick<Session, 'wait'>>;
type StatusOf = WaitingOf & Pick<Session, 'ending'>;

/** What a `waiting` session waits for, such as `for approval`; empty for other statuses. */
export const waitingText = ({ status, waitingFor, wait }: WaitingOf): string => {
	if (status !== 'waiting' || !waitingFor) return '';
	if (waitingFor !== 'input' || !wait) return WAITING_FOR_TEXT[waitingFor];
	return `for ${plural(wait.sessionIds.length, 'session')}`;
};

/** The end that is on its way, such as `finishing after this turn`; empty while none is. */
export const endingText = ({ status, waitingFor, ending }: StatusOf): string => {
	if (ending === null) return '';
	if (ending === 'stop') return 'stopping';
	if (ending === 'purge') return 'purging';
	const inTurn = status === 'running' || (status === 'waiting' && waitingFor !== 'input');
	return inTurn ? 'finishing after this turn' : 'finishing';
};

/** The status in words, such as `waiting for approval` or `running, unresponsive, stopping`. */
export const statusText = (session: StatusOf & Pick<Session, 'unresponsive'>): string =>
	[`${session.status} ${waitingText(session)}`.trim()]
		.concat(session.unresponsive ? 'unresponsive' : [], endingText(session) || [])
		.join(', ');

/** Where it stands among those who wait to be started, such as `3rd in line`; empty when it does not. */
export const lineText = ({ queuePosition }: Pick<Session, 'queuePosition'>): string =>
	queuePosition === null ? '' : `${ordinal(queuePosition)} in line`;

/** Statuses with a live sandbox, or with one that the next message wakes. */
const LIVE: ReadonlySet<SessionStatus> = new Set(['starting', 'running', 'waiting']);

export const isLive = ({ status }: Pick<Session, 'status'>): boolean => LIVE.has(status);

/** Live, or failed and not dealt with: what stands before the ended ones in lists. */
export const isOpen = (session: Pick<Session, 'status'>): boolean =>
	isLive(session) || session.status === 'error';

/** Why a message cannot be sent now, with the way out; null when it can. */
export const messageRefusal = (session: StatusOf): string | null => {
	const { status, ending } = session;
	if (ending === 'purge') return 'This session is being purged.';
	if (ending !== null) {
		return `This session is ${endingText(session)}. Resume it then to go on with the same conversation.`;
	}
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
