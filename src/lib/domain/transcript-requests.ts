/** Approvals, questions and plans: asked by the runner, decided by a person, shown with the answer. */
import type {
	ManagerEventPayload,
	RunnerEventPayload,
	SessionEvent
} from '@agent-manager/protocol/events.ts';
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

type Answer = Pick<
	ManagerEventPayload<'request.decided'>,
	'message' | 'bySession' | 'byRules' | 'remember' | 'updatedInput'
>;

/** The first answer counts; that the runner says the same again changes nothing. */
export const settleRequest = (
	state: TranscriptState,
	requestId: string,
	outcome: Exclude<RequestBlock['outcome'], 'pending'>,
	{ message, bySession, byRules, remember, updatedInput }: Answer
): void => {
	const block = blockAt(state, requestKey(requestId));
	if (block?.kind !== 'request' || block.outcome !== 'pending') return;
	const changed = updatedInput !== undefined && block.requestKind !== 'question';
	// Words that came with the answer, and who else gave it, are worth a row of their own.
	const isPlain = !message && bySession === undefined && !changed;
	replaceBlock(state, {
		...block,
		outcome,
		message: cleaned(message),
		hidden: block.hidden && isPlain,
		...(bySession === undefined ? {} : { bySession }),
		...(byRules && { byRules }),
		...(remember && { remember }),
		...(changed ? { changed, input: updatedInput } : {})
	});
	const tool = toolAt(state, block.toolUseId);
	const short = (rules: readonly string[]): string[] => rules.map((rule) => cleanLine(rule, 200));
	if (!tool) return;
	replaceBlock(state, {
		...tool,
		approval: outcome,
		...(byRules && { allowedBy: short(byRules.map(({ rule }) => rule)) }),
		...(remember && { rulesMade: short(remember.rules) })
	});
};
