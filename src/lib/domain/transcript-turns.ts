/** Turns: when one begins, what its result says, the divider at its end. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanText } from './clean-text.ts';
import { flagAt, numberAt, objectAt, textAt, textsAt, type Loose } from './loose-json.ts';
import type { NoticeBlock, TurnBlock } from './transcript-blocks.ts';
import { resultFailureWords } from './transcript-failures.ts';
import {
	addBlock,
	blockAt,
	replaceBlock,
	type OpenTurn,
	type TranscriptState,
	type TurnResult
} from './transcript-state.ts';

export const eventKey = (event: SessionEvent, part = 0): string =>
	part === 0 ? `event:${event.seq}` : `event:${event.seq}:${part}`;

/** The log keeps a short stand-in of what is too long, and the whole of it aside. */
export const wholeSeqOf = (event: SessionEvent): number | null =>
	event.marks?.includes('oversize') ? event.seq : null;

export const addNotice = (
	state: TranscriptState,
	event: SessionEvent,
	words: Pick<NoticeBlock, 'tone' | 'title'> &
		Partial<Pick<NoticeBlock, 'detail' | 'hint' | 'key'>>,
	parent: string | null = null
): void => {
	const { key = eventKey(event), tone, title, detail = null, hint = null } = words;
	addBlock(
		state,
		{
			kind: 'notice',
			key,
			seq: event.seq,
			ts: event.ts,
			tone,
			title: cleanText(title),
			detail: detail === null || detail.trim() === '' ? null : cleanText(detail),
			hint
		},
		parent
	);
};

export const addDivider = (
	state: TranscriptState,
	event: SessionEvent,
	text: string,
	href: string | null = null
): void =>
	addBlock(
		state,
		{ kind: 'divider', key: eventKey(event), seq: event.seq, ts: event.ts, text, href },
		null
	);

export const newTurn = (startedAt: string): OpenTurn => ({
	startedAt,
	result: null,
	failureShown: false,
	files: new Set(),
	linesAdded: 0,
	linesRemoved: 0
});

/** The row of retries is over: an answer came, or it was given up. */
export const endRetries = (state: TranscriptState, outcome: 'recovered' | 'failed'): void => {
	const block = state.retryKey === null ? null : blockAt(state, state.retryKey);
	if (block?.kind === 'retry') replaceBlock(state, { ...block, outcome });
	state.retryKey = null;
};

/** Calls that will get no result any more. */
export const interruptOpenTools = (state: TranscriptState, endedAt: string): void => {
	for (const key of state.openTools) {
		const block = blockAt(state, key);
		if (block?.kind === 'tool' && block.result === null) {
			// Of a call that was never seen itself no result is missing, only its end is known.
			const status = block.name === null ? 'done' : 'interrupted';
			replaceBlock(state, { ...block, status, endedAt });
		}
	}
	state.openTools.clear();
};

const wallTime = (from: string, to: string): number | null => {
	const ms = Date.parse(to) - Date.parse(from);
	return Number.isFinite(ms) && ms >= 0 ? ms : null;
};

/** Ends the open turn with a divider; without an open turn nothing happens. */
export const closeTurn = (
	state: TranscriptState,
	event: SessionEvent,
	outcome: TurnBlock['outcome']
): void => {
	const { turn } = state;
	if (!turn) return;
	state.turn = null;
	state.compactingSince = null;
	state.interruptAsked = false;
	endRetries(state, outcome === 'completed' ? 'recovered' : 'failed');
	interruptOpenTools(state, event.ts);
	const { result } = turn;
	addBlock(
		state,
		{
			kind: 'turn',
			key: eventKey(event, 1),
			seq: event.seq,
			ts: event.ts,
			outcome: outcome === 'completed' && result?.failed ? 'failed' : outcome,
			durationMs: result?.durationMs ?? wallTime(turn.startedAt, event.ts),
			costUsd: result?.costUsd ?? null,
			inputTokens: result?.inputTokens ?? null,
			outputTokens: result?.outputTokens ?? null,
			filesChanged: turn.files.size,
			linesAdded: turn.linesAdded,
			linesRemoved: turn.linesRemoved
		},
		null
	);
};

/**
 * What the turn cost: the total counts up over all turns, also over those of an earlier process when
 * the conversation was resumed; a smaller total means that it began anew.
 */
const costOfTurn = (state: TranscriptState, total: number | null): number | null => {
	if (total === null) return null;
	const before = state.totalCostUsd;
	state.totalCostUsd = total;
	if (state.demo) return 0;
	if (before === null) return null;
	return total >= before ? total - before : total;
};

const inputTokensOf = (usage: Loose | null): number | null => {
	if (!usage) return null;
	const parts = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
	return parts.reduce((sum, key) => sum + (numberAt(usage, key) ?? 0), 0);
};

const readResult = (state: TranscriptState, payload: Loose): TurnResult => {
	const usage = objectAt(payload, 'usage');
	const subtype = textAt(payload, 'subtype');
	const reason = textAt(payload, 'terminal_reason');
	return {
		durationMs: numberAt(payload, 'duration_ms'),
		costUsd: costOfTurn(state, numberAt(payload, 'total_cost_usd')),
		inputTokens: inputTokensOf(usage),
		outputTokens: numberAt(usage, 'output_tokens'),
		// A failed call of the model ends as subtype "success" with is_error.
		failed: flagAt(payload, 'is_error') || (subtype?.startsWith('error') ?? false),
		interrupted: reason === 'aborted_streaming' || reason === 'aborted_tools'
	};
};

/** Folds `claude.result`, whatever its subtype. */
export const foldResult = (state: TranscriptState, event: SessionEvent, payload: Loose): void => {
	state.turn ??= newTurn(event.ts);
	const result = readResult(state, payload);
	const { turn } = state;
	turn.result = result;
	if (!result.failed || result.interrupted) return;
	endRetries(state, 'failed');
	if (turn.failureShown) return;
	turn.failureShown = true;
	const { title, hint } = resultFailureWords(
		textAt(payload, 'subtype'),
		textAt(payload, 'terminal_reason'),
		numberAt(payload, 'api_error_status')
	);
	const detail = textAt(payload, 'result') ?? textsAt(payload, 'errors').join('\n');
	addNotice(state, event, { tone: 'error', title, hint, detail });
};
