/** What had been said of a message when its sandbox died: kept, and marked as cut off. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import { cleanLine, cleanText } from './clean-text.ts';
import { numberAt, objectAt, textAt } from './loose-json.ts';
import { contentKey } from './transcript-assistant.ts';
import { addBlock, emptyTool, toolAt, type TranscriptState } from './transcript-state.ts';

/** Folds `runner.partial` and `message.cut_off`; blocks that are stored already stay as they are. */
export const foldCutOff = (
	state: TranscriptState,
	event: SessionEvent,
	{ messageId, blocks }: { messageId: string; blocks: JsonObject[] }
): void => {
	const stored = state.storedCounts.get(messageId) ?? 0;
	const base = { seq: event.seq, ts: event.ts };
	for (const [position, block] of blocks.entries()) {
		const index = numberAt(block, 'block') ?? position;
		const text = cleanText(textAt(block, 'text') ?? '');
		const tool = objectAt(block, 'tool');
		const toolUseId = textAt(tool, 'id');
		const key = contentKey(messageId, index);
		if (index < stored) continue;
		if (toolUseId !== null && !toolAt(state, toolUseId)) {
			const name = cleanLine(textAt(tool, 'name') ?? 'tool', 200);
			const call = { ...emptyTool(toolUseId), ...base, name, inputText: text };
			addBlock(state, { ...call, status: 'interrupted', endedAt: event.ts }, null);
		} else if (text.trim() !== '' && textAt(block, 'kind') === 'thinking') {
			addBlock(
				state,
				{ ...base, kind: 'thinking', key, text, streaming: false, durationMs: null },
				null
			);
		} else if (text.trim() !== '' && toolUseId === null) {
			addBlock(
				state,
				{ ...base, kind: 'text', key, text, streaming: false, cut: true, wholeSeq: null },
				null
			);
		}
	}
};
