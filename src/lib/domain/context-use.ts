/**
 * How full the agent's context is, as far as what it said tells: the tokens of its newest call of the model, and the
 * room that the newest result names for that model. What is not known is null, and nobody guesses.
 */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { numberAt, objectAt, textAt, type Loose } from './loose-json.ts';

export interface ContextUse {
	tokens: number;
	/** Of the model; null until a turn has ended. */
	room: number | null;
}

const TOKENS = [
	'input_tokens',
	'cache_read_input_tokens',
	'cache_creation_input_tokens',
	'output_tokens'
];

/** Tokens of a call in the main conversation, and by which model. */
const callOf = ({
	type,
	payload
}: SessionEvent): { tokens: number; model: string | null } | null => {
	if (type === 'claude.system.compact_boundary') {
		const tokens = numberAt(objectAt(payload as Loose, 'compact_metadata'), 'post_tokens');
		return tokens === null ? null : { tokens, model: null };
	}
	if (type !== 'claude.assistant' || typeof payload.parent_tool_use_id === 'string') return null;
	const message = objectAt(payload as Loose, 'message');
	const usage = objectAt(message, 'usage');
	const model = textAt(message, 'model');
	if (!usage || model === '<synthetic>') return null;
	const tokens = TOKENS.reduce((sum, key) => sum + (numberAt(usage, key) ?? 0), 0);
	return tokens > 0 ? { tokens, model } : null;
};

const isResult = ({ type }: SessionEvent): boolean => type.startsWith('claude.result');

/** The window of this model; of another one only where the agent used no other. */
const roomOf = (result: SessionEvent, model: string | null): number | null => {
	const used = objectAt(result.payload as Loose, 'modelUsage');
	if (!used) return null;
	const names = Object.keys(used);
	const name = names.find((it) => it === model) ?? (names.length === 1 ? names[0] : undefined);
	const room = name === undefined ? null : numberAt(objectAt(used, name), 'contextWindow');
	return room !== null && room > 0 ? room : null;
};

/** Of a window of the log; null when nothing in it tells. */
export const contextUse = (events: readonly SessionEvent[]): ContextUse | null => {
	let call: ReturnType<typeof callOf> = null;
	let result: SessionEvent | null = null;
	for (let at = events.length - 1; at >= 0 && !(call && result); at -= 1) {
		const event = events[at];
		if (!event) continue;
		if (!result && isResult(event)) result = event;
		call ??= callOf(event);
	}
	return call && { tokens: call.tokens, room: result && roomOf(result, call.model) };
};
