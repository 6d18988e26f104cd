/**
 * The messages that are still being produced, grown by deltas. Lossy by design: a delta that does
 * not fit is a hole, and the stored event that follows is the truth. Pure; returns new objects for
 * what changed so that the page redraws only that.
 */
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { arrayAt, asObject, textAt, type Loose } from '#lib/domain/loose-json.ts';

type Block = PartialMessage['blocks'][number];

export interface PartialsState {
	messages: PartialMessage[];
	/** Per message: blocks below this index are stored already; late deltas of them are dropped. */
	settled: ReadonlyMap<string, number>;
}

export const noPartials = (): PartialsState => ({ messages: [], settled: new Map() });

/** What a snapshot brings replaces all. */
export const resetPartials = (messages: PartialMessage[]): PartialsState => ({
	messages,
	settled: new Map()
});

const grow = (block: Block | undefined, delta: Delta): Block | null => {
	const text = block?.text ?? '';
	if (delta.offset > text.length) return null;
	const overlap = text.length - delta.offset;
	return {
		block: delta.block,
		kind: delta.kind,
		text: overlap >= delta.text.length ? text : text + delta.text.slice(overlap),
		tool: delta.tool ?? block?.tool
	};
};

/** Returns null when text before the delta is missing: ask for a snapshot. */
export const applyDelta = (state: PartialsState, delta: Delta): PartialsState | null => {
	if (delta.block < (state.settled.get(delta.messageId) ?? 0)) return state;
	const message = state.messages.find((m) => m.messageId === delta.messageId);
	const block = grow(
		message?.blocks.find((b) => b.block === delta.block),
		delta
	);
	if (!block) return null;
	const others = message?.blocks.filter((b) => b.block !== delta.block) ?? [];
	const grown: PartialMessage = {
		messageId: delta.messageId,
		parentToolUseId: delta.parentToolUseId,
		blocks: [...others, block].sort((a, b) => a.block - b.block)
	};
	const messages = message
		? state.messages.map((m) => (m === message ? grown : m))
		: [...state.messages, grown];
	return { ...state, messages };
};

const KIND_OF: ReadonlyMap<string | null, Block['kind']> = new Map([
	['text', 'text'],
	['thinking', 'thinking'],
	['redacted_thinking', 'thinking'],
	['tool_use', 'tool_input']
]);

/** Claude Code stores each block of a message as an event of its own, in order. */
const settleBlocks = (state: PartialsState, stored: Loose | null): PartialsState => {
	const messageId = textAt(stored, 'id');
	const message = state.messages.find((m) => m.messageId === messageId);
	if (!message || messageId === null) return state;
	let from = state.settled.get(messageId) ?? 0;
	for (const content of arrayAt(stored, 'content')) {
		const kind = KIND_OF.get(textAt(content, 'type'));
		const match = message.blocks.find((b) => b.block >= from && b.kind === kind);
		if (match) from = match.block + 1;
	}
	const blocks = message.blocks.filter((b) => b.block >= from);
	return {
		messages: state.messages.flatMap((m) =>
			m !== message ? [m] : blocks.length > 0 ? [{ ...message, blocks }] : []
		),
		settled: new Map(state.settled).set(messageId, from)
	};
};

/** What a stored event says about the messages in progress. */
export const settlePartials = (state: PartialsState, event: SessionEvent): PartialsState => {
	// What ends a turn may be `claude.result.success` and the like.
	const type = event.type.startsWith('claude.result') ? 'claude.result' : event.type;
	switch (type) {
		case 'claude.assistant':
			return settleBlocks(state, asObject(event.payload.message));
		case 'claude.result':
		case 'runner.partial':
		case 'runner.turn_ended':
		case 'sandbox.exited':
			return state.messages.length === 0 ? state : noPartials();
		default:
			return state;
	}
};
