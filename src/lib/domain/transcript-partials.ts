/**
 * What is being said right now: shown after the stored blocks until the stored message takes its
 * place. Pure. A block keeps its key when it is stored, so nothing flickers or doubles.
 */
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import { cleanLine, cleanText } from './clean-text.ts';
import type { Block, ToolBlock } from './transcript-blocks.ts';
import { contentKey } from './transcript-assistant.ts';
import { emptyTool, toolKey, type TranscriptState } from './transcript-state.ts';

type PartialBlock = PartialMessage['blocks'][number];

const isStored = (state: TranscriptState, messageId: string, block: PartialBlock): boolean =>
	block.block < (state.storedCounts.get(messageId) ?? 0) ||
	(block.tool !== undefined && state.spots.has(toolKey(block.tool.id)));

/**
 * Partials without what the state holds as stored. A conversation speaks one message at a time: of
 * several with the same parent only the newest goes on.
 */
export const unstoredPartials = (
	state: TranscriptState,
	partials: PartialMessage[]
): PartialMessage[] => {
	const newest = new Map(partials.map((message) => [message.parentToolUseId, message]));
	return [...newest.values()]
		.map((message) => ({
			...message,
			blocks: message.blocks.filter((block) => !isStored(state, message.messageId, block))
		}))
		.filter((message) => message.blocks.length > 0);
};

const partialBlock = (message: PartialMessage, partial: PartialBlock): Block | null => {
	const base = { key: contentKey(message.messageId, partial.block), seq: null, ts: null };
	const text = cleanText(partial.text);
	if (partial.kind === 'tool_input') {
		if (!partial.tool) return null;
		const name = cleanLine(partial.tool.name, 200);
		return { ...emptyTool(partial.tool.id), name, inputText: text, status: 'streaming' };
	}
	if (text.trim() === '') return null;
	return partial.kind === 'text'
		? { ...base, kind: 'text', text, streaming: true, cut: false, wholeSeq: null }
		: { ...base, kind: 'thinking', text, streaming: true, durationMs: null };
};

const blocksOfPartial = (message: PartialMessage): Block[] =>
	message.blocks.map((block) => partialBlock(message, block)).filter((block) => block !== null);

const inside = (blocks: Block[], parentKey: string, said: Block[]): Block[] =>
	blocks.map((block) => {
		if (block.kind !== 'tool') return block;
		if (block.key === parentKey) return { ...block, children: [...block.children, ...said] };
		// Only a call that is open can hold one who speaks.
		if (block.status !== 'running' || block.children.length === 0) return block;
		const children = inside(block.children, parentKey, said);
		return children.some((child, index) => child !== block.children[index])
			? ({ ...block, children } satisfies ToolBlock)
			: block;
	});

/** The stored blocks, then what is being said, then the messages that wait for their turn. */
export const withLiveBlocks = (
	stored: Block[],
	partials: PartialMessage[],
	queued: Block[]
): Block[] => {
	let blocks = stored;
	const tail: Block[] = [];
	for (const message of partials) {
		const said = blocksOfPartial(message);
		if (said.length === 0) continue;
		if (message.parentToolUseId === null) tail.push(...said);
		else blocks = inside(blocks, toolKey(message.parentToolUseId), said);
	}
	return tail.length + queued.length === 0 ? blocks : [...blocks, ...tail, ...queued];
};
