/** What the manager states, as far as a reader of the conversation wants to know it. */
import {
	managerEventSchemas,
	type ManagerEventPayload,
	type ManagerEventType,
	type SessionEvent
} from '@agent-manager/protocol/events.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine, cleanText } from './clean-text.ts';
import { SILENCE_WORDS } from './exit-causes.ts';
import { EFFORT_WORDS, MODE_WORDS } from './mode-words.ts';
import { foldCutOff } from './transcript-cut-off.ts';
import {
	editMessage,
	handedOver,
	moveMessage,
	queueMessage,
	removeMessage
} from './transcript-messages.ts';
import { settleRequest } from './transcript-requests.ts';
import { addBlock, type TranscriptState } from './transcript-state.ts';
import {
	addDivider,
	addNotice,
	closeTurn,
	eventKey,
	interruptOpenTools
} from './transcript-turns.ts';

type Fold<T extends ManagerEventType> = (
	state: TranscriptState,
	payload: ManagerEventPayload<T>,
	event: SessionEvent
) => void;

const startWords: Record<ManagerEventPayload<'session.start_requested'>['reason'], string | null> =
	{
		created: null,
		retry: 'Start retried',
		resume: 'Resumed in a fresh sandbox',
		wake: 'Woken up in a fresh sandbox'
	};

const minutes = (seconds: number): string =>
	seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds)} seconds`;

const uncommitted = (files: number): string =>
	files === 1 ? 'a changed file that is not committed' : `${files} changed files, not committed`;

const addError = (
	state: TranscriptState,
	event: SessionEvent,
	tone: 'warning' | 'error',
	error: WireError
): void =>
	addNotice(state, event, {
		tone,
		title: cleanText(error.message),
		hint: error.hint === undefined ? null : cleanText(error.hint)
	});

const ended =
	(words: string) =>
	(state: TranscriptState, _payload: unknown, event: SessionEvent): void => {
		closeTurn(state, event, 'interrupted');
		addDivider(state, event, words);
	};

const foldCommits: Fold<'commits.collected'> = (state, payload, event) => {
	const { head, commitCount, fastForward } = payload;
	const isNews = head !== state.commitsHead && commitCount > 0;
	state.commitsHead = head;
	if (!isNews) return;
	addBlock(
		state,
		{
			kind: 'commits',
			key: eventKey(event),
			seq: event.seq,
			ts: event.ts,
			head: cleanLine(head, 64),
			commitCount,
			fastForward
		},
		null
	);
};

const foldGitEnded: Fold<'git.ended'> = (state, payload, event) => {
	const { error, baseCommit, pushedCommit } = payload;
	if (error) addError(state, event, 'warning', error);
	else if (pushedCommit !== null) {
		addDivider(state, event, `Pushed ${cleanLine(pushedCommit, 12)}`);
	} else if (baseCommit !== null) {
		addDivider(state, event, `Updated from the base at ${cleanLine(baseCommit, 12)}`);
	}
};

const foldConfigured: Fold<'session.configured'> = (state, payload, event) => {
	const { permissionMode, model, effort } = payload;
	const words = [
		...(permissionMode ? [MODE_WORDS[permissionMode].label] : []),
		...(model === undefined ? [] : [`model: ${cleanLine(model ?? 'default', 128)}`]),
		...(effort === undefined ? [] : [`effort: ${effort ? EFFORT_WORDS[effort] : 'default'}`])
	];
	addDivider(state, event, `From here: ${words.join(', ')}`);
};

const folds: { [T in ManagerEventType]: Fold<T> | null } = {
	'session.created': (state, { forkedFrom }, event) => {
		// The log's beginning: what was spent before it is known.
		state.totalCostUsd ??= 0;
		if (!forkedFrom) return;
		const { sessionId, seq } = forkedFrom;
		addDivider(state, event, 'Forked from an earlier turn', `/sessions/${sessionId}?at=${seq}`);
	},
	'session.start_requested': (state, { reason }, event) => {
		closeTurn(state, event, 'unknown');
		const words = startWords[reason];
		if (words !== null) addDivider(state, event, words);
	},
	'step.started': null,
	'step.logged': null,
	'step.finished': null,
	'step.failed': null,
	'worktree.created': (state, { carried }, event) => {
		if (!carried) return;
		const { problem, filesChanged } = carried;
		if (problem === null) {
			if (filesChanged > 0) addDivider(state, event, `With ${uncommitted(filesChanged)}`);
			return;
		}
		addNotice(state, event, {
			tone: 'warning',
			title: 'Changes that were not committed did not come along',
			detail: cleanText(problem),
			hint: 'The fork begins with the commits of that turn.'
		});
	},
	'worktree.restored': (state, { commit }, event) =>
		addNotice(state, event, {
			tone: 'warning',
			title: `The worktree was lost and made anew from commit ${cleanLine(commit, 12)}`,
			hint: 'Changes that were not committed, and commits that had not come in yet, are lost.'
		}),
	'conversation.lost': (state, { forkProblem }, event) =>
		addNotice(state, event, {
			tone: 'warning',
			title:
				forkProblem === undefined
					? 'The session folder was lost: the agent begins a new conversation'
					: 'Context was lost: the fork begins a new conversation',
			detail: forkProblem ?? null,
			hint:
				forkProblem === undefined
					? 'It does not know what was said before. This page and the branch are kept.'
					: 'The agent has the files, but does not know what was said in the other session.'
		}),
	'sandbox.started': null,
	// Why it ended is said once, by the failure that follows.
	'sandbox.exited': (state, _payload, event) => interruptOpenTools(state, event.ts),
	'message.accepted': (state, payload, event) => queueMessage(state, event, payload),
	'message.handed_over': (state, payload, event) => handedOver(state, event, payload),
	'message.edited': (state, payload) => editMessage(state, payload),
	'message.removed': (state, { commandId }) => removeMessage(state, commandId),
	'message.moved': (state, payload) => moveMessage(state, payload),
	'session.configured': foldConfigured,
	'message.cut_off': (state, payload, event) => foldCutOff(state, event, payload),
	'interrupt.requested': (state) => {
		state.interruptAsked = true;
	},
	'request.decided': (state, { requestId, decision, ...how }) =>
		settleRequest(state, requestId, decision === 'allow' ? 'allowed' : 'denied', how),
	'session.rules_changed': (state, { added, removed }, event) => {
		const words = [
			...added.map((rule) => `allowed without asking: ${cleanLine(rule, 200)}`),
			...removed.map((rule) => `asked for again: ${cleanLine(rule, 200)}`)
		];
		addDivider(state, event, `From here ${words.join(', ')}`);
	},
	'wait.registered': (state, { mode, sessionIds, deadline }, event) => {
		const whom =
			sessionIds.length === 1
				? 'a session'
				: `${mode === 'all' ? 'all' : 'the first'} of ${sessionIds.length} sessions`;
		const until = `${deadline.slice(0, 16).replace('T', ' ')} UTC`;
		addDivider(state, event, `Waits for ${whom}, at most until ${until}`);
	},
	'wait.ended': (state, { reason }, event) =>
		addDivider(state, event, reason === 'due' ? 'The wait is due' : 'The wait is over'),
	'session.reported': (state, { text }, event) =>
		addBlock(
			state,
			{
				kind: 'report',
				key: eventKey(event),
				seq: event.seq,
				ts: event.ts,
				text: cleanText(text)
			},
			null
		),
	'commits.collected': foldCommits,
	'git.requested': null,
	'git.ended': foldGitEnded,
	'commits.collect_failed': (state, { error }, event) => addError(state, event, 'warning', error),
	'session.rewound': (state, { filesChanged }, event) => {
		state.todos = [];
		const files =
			filesChanged === null
				? 'the files stay as they are'
				: `${filesChanged} ${filesChanged === 1 ? 'file was' : 'files were'} put back`;
		addDivider(state, event, `Rewound to before a prompt: ${files}`);
	},
	'session.rewind_undone': (state, _payload, event) =>
		addDivider(state, event, 'The rewind was undone'),
	'session.settled': null,
	'session.limit_reached': (state, { error }, event) => addError(state, event, 'warning', error),
	'session.limit_lifted': (state, _payload, event) =>
		addDivider(state, event, 'The limit is lifted'),
	'session.idled': (state, { afterSeconds }, event) => {
		closeTurn(state, event, 'unknown');
		addDivider(state, event, `Nothing heard for ${minutes(afterSeconds)}`);
	},
	'session.stopped_answering': (state, { silence }, event) =>
		addNotice(state, event, { tone: 'warning', ...SILENCE_WORDS[silence] }),
	'session.answered_again': (state, _payload, event) =>
		addDivider(state, event, 'The sandbox answers again'),
	'session.slept': (state, { afterSeconds }, event) =>
		addDivider(
			state,
			event,
			afterSeconds > 0 ? `Asleep after ${minutes(afterSeconds)} of silence` : 'Put to sleep'
		),
	'session.stop_requested': null,
	'session.stopped': ended('Stopped'),
	'session.finish_requested': null,
	'session.finished': ended('Finished'),
	'session.failed': (state, { error }, event) => {
		closeTurn(state, event, 'unknown');
		addError(state, event, 'error', error);
	},
	'session.purge_requested': null,
	'session.renamed': null,
	'session.pinned': null,
	'session.unpinned': null,
	'session.archived': null,
	'session.unarchived': null,
	'egress.denied': (state, { host, port, reason }, event) =>
		addNotice(state, event, {
			// Once for each host and turn: a package manager knocks many times.
			key: `egress:${state.turn?.startedAt ?? ''}:${host}:${port}`,
			tone: 'warning',
			title: `Blocked a connection to ${cleanLine(host, 200)}:${port}`,
			detail: reason
		})
};

/** False when the type is none of the manager's, or its payload can't be read. */
export const foldManager = (state: TranscriptState, event: SessionEvent): boolean => {
	if (!Object.hasOwn(folds, event.type)) return false;
	const type = event.type as ManagerEventType;
	const parsed = managerEventSchemas[type].safeParse(event.payload);
	if (!parsed.success) return false;
	const fold = folds[type] as Fold<never> | null;
	fold?.(state, parsed.data as never, event);
	return true;
};
