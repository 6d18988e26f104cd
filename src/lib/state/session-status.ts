/** How a session's status is said and who has to act on it. Pure. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type {
	PendingRequest,
	Session,
	SessionActivity,
	SessionStatus,
	WaitingFor
} from '@agent-manager/protocol/session.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { textAt } from '#lib/domain/loose-json.ts';
import { momentText, ordinal, plural } from './format.ts';

const WAITING_FOR_TEXT: Record<WaitingFor, string> = {
	input: 'for input',
	approval: 'for approval',
	answer: 'for an answer',
	plan: 'for plan review',
	limit: 'for the model’s limit',
	budget: 'for budget'
};

type WaitingOf = Pick<Session, 'status' | 'waitingFor'> &
	Partial<Pick<Session, 'wait' | 'pending' | 'error'>>;
type StatusOf = WaitingOf & Pick<Session, 'ending'>;

const TOOL_MAX_LENGTH = 40;

/** The oldest request is the one that the status speaks of. */
const requestText = (text: string, pending: readonly PendingRequest[]): string => {
	const [first] = pending;
	const what =
		first?.kind === 'approval' ? ` of ${cleanLine(first.toolName, TOOL_MAX_LENGTH)}` : '';
	return `${text}${what}${pending.length > 1 ? `, ${pending.length - 1} more` : ''}`;
};

/** When the model answers again, as far as its server has said so. */
const limitText = (error: WireError | null | undefined): string => {
	const resetsAt = textAt(error?.details, 'resetsAt');
	return resetsAt === null ? '' : ` until ${momentText(resetsAt, Date.now())}`;
};

/** What a `waiting` session waits for, such as `for approval of Bash`; empty for other statuses. */
export const waitingText = ({ status, waitingFor, wait, pending, error }: WaitingOf): string => {
	if (status !== 'waiting' || !waitingFor) return '';
	const text = WAITING_FOR_TEXT[waitingFor];
	if (waitingFor === 'limit') return text + limitText(error);
	if (waitingFor !== 'input') return requestText(text, pending ?? []);
	return wait ? `for ${plural(wait.sessionIds.length, 'session')}` : text;
};

/** What a running session does, such as `Bash` or `retry 2 of 10`; empty where there is nothing to say. */
export const activityText = (activity: SessionActivity | null | undefined): string => {
	switch (activity?.kind) {
		case undefined:
			return '';
		case 'tool':
			return cleanLine(activity.name, TOOL_MAX_LENGTH);
		case 'model':
			return 'model at work';
		case 'retry': {
			const { attempt, maxRetries } = activity;
			const which = attempt === null ? '' : ` ${attempt}`;
			return `retry${which}${which && maxRetries !== null ? ` of ${maxRetries}` : ''}`;
		}
		case 'compacting':
			return 'summarising';
		case 'settling':
			return 'collecting commits';
	}
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

/** A start or a turn is under way, or a person is asked in one. */
export const isAtWork = ({ status, waitingFor }: WaitingOf): boolean =>
	status === 'starting' ||
	status === 'running' ||
	(status === 'waiting' && waitingFor !== 'input' && waitingFor !== 'limit');

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
