/** What the agent's own messages change in the session's state: what it cost, and which calls are open. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { z } from 'zod';
import { cleanLine } from './clean-text.ts';
import { DEMO_MODEL_NAME } from './demo-model.ts';
import { isShort, type SessionState } from './session-state.ts';

const OPEN_TOOLS_MAX = 500;
const TOOL_NAME_MAX = 100;
const TOKENS_MAX = 1e12;
const COST_MAX_USD = 1e9;

const count = z.int().min(0).max(TOKENS_MAX).catch(0);
const resultSchema = z.object({
	total_cost_usd: z.number().min(0).max(COST_MAX_USD).catch(0),
	usage: z.object({
		input_tokens: count,
		output_tokens: count,
		cache_read_input_tokens: count,
		cache_creation_input_tokens: count
	})
});

/**
 * `total_cost_usd` counts up over all turns of a conversation, also over a resume; a smaller total
 * means that it began anew. `usage` is of the turn alone.
 */
const foldResult = (state: SessionState, event: SessionEvent): SessionState => {
	const parsed = resultSchema.safeParse(event.payload);
	if (!parsed.success) return state;
	const { usage, total_cost_usd: total } = parsed.data;
	const told = total >= state.agentCostUsd ? total - state.agentCostUsd : total;
	return {
		...state,
		agentCostUsd: total,
		usage: {
			inputTokens: state.usage.inputTokens + usage.input_tokens,
			outputTokens: state.usage.outputTokens + usage.output_tokens,
			cacheReadTokens: state.usage.cacheReadTokens + usage.cache_read_input_tokens,
			cacheWriteTokens: state.usage.cacheWriteTokens + usage.cache_creation_input_tokens,
			costUsd: state.usage.costUsd + (state.demo ? 0 : told)
		}
	};
};

const messageSchema = z.object({
	message: z.object({
		model: z.string().optional(),
		content: z.array(
			z.looseObject({
				type: z.string(),
				id: z.string().optional(),
				name: z.string().optional(),
				tool_use_id: z.string().optional()
			})
		)
	})
});

const foldMessage = (state: SessionState, event: SessionEvent): SessionState => {
	const parsed = messageSchema.safeParse(event.payload);
	if (!parsed.success) return state;
	let open = state.openTools;
	for (const block of parsed.data.message.content) {
		const isKept = block.id && isShort(block.id) && open.length < OPEN_TOOLS_MAX;
		if (block.type === 'tool_use' && block.id && isKept) {
			open = [...open, { id: block.id, name: cleanLine(block.name ?? 'a tool', TOOL_NAME_MAX) }];
		}
		if (block.type === 'tool_result') open = open.filter(({ id }) => id !== block.tool_use_id);
	}
	const { model } = parsed.data.message;
	// What Claude Code says in the model's place when a call failed is nobody's answer.
	const answered = model !== undefined && model !== '<synthetic>';
	const demo = answered ? model === DEMO_MODEL_NAME : state.demo;
	const same = open === state.openTools && demo === state.demo && state.pause === null;
	return same ? state : { ...state, openTools: open, demo, pause: null };
};

const tries = z.int().min(0).max(TOKENS_MAX).nullable().catch(null);
const systemSchema = z.object({
	subtype: z.string(),
	status: z.string().nullable().catch(null),
	attempt: tries,
	max_retries: tries
});

/** A call to the model that is made again, a conversation that is summarised, and the end of that. */
const foldSystem = (state: SessionState, event: SessionEvent): SessionState => {
	const parsed = systemSchema.safeParse(event.payload);
	if (!parsed.success || state.openTurn === null) return state;
	const { subtype, status, attempt, max_retries: maxRetries } = parsed.data;
	if (subtype === 'api_retry') return { ...state, pause: { kind: 'retry', attempt, maxRetries } };
	if (subtype === 'status' && status === 'compacting') {
		return { ...state, pause: { kind: 'compacting' } };
	}
	const isOver = subtype === 'status' || subtype === 'compact_boundary';
	return isOver && state.pause !== null ? { ...state, pause: null } : state;
};

/** The fold of a message of the SDK. */
export const foldClaude = (state: SessionState, event: SessionEvent): SessionState => {
	if (event.type.startsWith('claude.result')) return foldResult(state, event);
	if (event.type === 'claude.assistant' || event.type === 'claude.user') {
		return foldMessage(state, event);
	}
	if (event.type.startsWith('claude.system')) return foldSystem(state, event);
	return state;
};
