/** Approvals, questions and plans: asked by the runner, decided by a person, shown with the answer. */
import type { RunnerEventPayload, SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanLine, cleanText } from './clean-text.ts';
import type { RequestBlock } from './transcript-blocks.ts';
import {
	addBlock,
	blockAt,
	replaceBlock,
	toolAt,
	type TranscriptState
} from './transcript-state.ts';

const requestKey = (requestId: string): string => `request:${requestId}`;
const cleaned = (text: string | null): string | null => (text === null ? null : cleanText(text));

export const openRequest = (
	state: TranscriptState,
	event: SessionEvent,
	asked: RunnerEventPayload<'runner.approval_requested'>
): void => {
	const key = requestKey(asked.requestId);
	// A new runner asks again for what its predecessor had asked; an answer that was given stands.
	const known = blockAt(state, key);
	if (known?.kind === 'request' && known.outcome !== 'pending') return;
	const tool = toolAt(state, asked.toolUseId);
	const block: RequestBlock = {
		kind: 'request',
		key,
		seq: event.seq,
		ts: event.ts,
		requestId: asked.requestId,
		requestKind: asked.kind,
		toolName: cleanLine(asked.toolName, 200),
		toolUseId: asked.toolUseId,
		input: asked.input,
		title: cleaned(asked.title),
		description: cleaned(asked.description),
		reason: cleaned(asked.reason),
		outcome: 'pending',
		message: null,
		answers: null,
		hidden: tool !== null && asked.kind === 'approval'
	};
	addBlock(state, block, null);
	state.requestByTool.set(asked.toolUseId, key);
	if (tool)
		replaceBlock(state, { ...tool, approval: 'pending', hidden: asked.kind !== 'approval' });
};

/** The first answer counts; that the runner says the same again changes nothing. */
export const settleRequest = (
	state: TranscriptState,
	requestId: string,
	outcome: Exclude<RequestBlock['outcome'], 'pending'>,
	message: string | null,
	bySession?: string
): void => {
	const block = blockAt(state, requestKey(requestId));
	if (block?.kind !== 'request' || block.outcome !== 'pending') return;
	// Words that came with the answer are worth a row of their own.
	const hidden = block.hidden && (message === null || message === '') && bySession === undefined;
	const decider = bySession === undefined ? {} : { bySession };
	replaceBlock(state, { ...block, outcome, message: cleaned(message), hidden, ...decider });
	const tool = toolAt(state, block.toolUseId);
	if (tool) replaceBlock(state, { ...tool, approval: outcome });
};
