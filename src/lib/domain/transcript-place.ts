/** Where in a transcript an event stands: every event has a block, or one that comes nearest. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { arrayAt, objectAt, textAt } from './loose-json.ts';
import type { Block } from './transcript-blocks.ts';
import { messageKey, toolKey } from './transcript-state.ts';

export interface Place {
	/** Of the main conversation. */
	index: number;
	/** Cards from the outside in that have to be open for it to be seen; the last one is it. */
	keys: string[];
}

/** Where it stands in the order of the log; null while it is being produced. */
export const seqOfBlock = (block: Block): number | null =>
	block.kind === 'user' ? (block.begunSeq ?? block.seq) : block.seq;

/** The block that an event changed instead of making one of its own. */
export const keyOfEvent = ({ type, payload }: SessionEvent): string | null => {
	if (type === 'runner.turn_started' || type.startsWith('message.')) {
		const command = textAt(payload, 'commandId');
		return command === null ? null : messageKey(command);
	}
	if (type !== 'claude.user') return null;
	const content = arrayAt(objectAt(payload, 'message'), 'content');
	const result = content.find((part) => textAt(part, 'type') === 'tool_result');
	const id = textAt(result, 'tool_use_id');
	return id === null ? null : toolKey(id);
};

const search = (blocks: Block[], fits: (block: Block) => boolean): Place | null => {
	for (const [index, block] of blocks.entries()) {
		if (block.kind !== 'group' && fits(block)) return { index, keys: [block.key] };
		if (block.kind !== 'tool' && block.kind !== 'group') continue;
		const within = search(block.children, fits);
		if (within) return { index, keys: [block.key, ...within.keys] };
	}
	return null;
};

/** The place of an event; `event` is it itself, where it is in hand. */
export const placeOf = (blocks: Block[], seq: number, event: SessionEvent | null): Place | null => {
	const key = event && keyOfEvent(event);
	const exact =
		(key ? search(blocks, (block) => block.key === key) : null) ??
		search(blocks, (block) => seqOfBlock(block) === seq);
	if (exact) return exact;
	const index = blocks.findLastIndex((block) => (seqOfBlock(block) ?? Infinity) <= seq);
	const nearest = blocks[Math.max(0, index)];
	return nearest ? { index: Math.max(0, index), keys: [nearest.key] } : null;
};
