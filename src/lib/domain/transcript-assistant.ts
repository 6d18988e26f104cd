/**
 * `claude.assistant`: what the model said, thought and called. The SDK stores one content block for
 * each message, several with the same `message.id`; the block's index within the answer is how many
 * of that id came before, which is how a stored block finds the deltas that announced it.
 */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanLine, cleanText } from './clean-text.ts';
import { DEMO_MODEL_NAME } from './demo-model.ts';
import { arrayAt, flagAt, numberAt, objectAt, textAt, type Loose } from './loose-json.ts';
import type { Block } from './transcript-blocks.ts';
import { modelErrorWords } from './transcript-failures.ts';
import {
	addBlock,
	emptyTool,
	removeBlock,
	toolAt,
	type TranscriptState
} from './transcript-state.ts';
import { foldToolResult } from './transcript-tool-results.ts';
import { addNotice, endRetries, eventKey, wholeSeqOf } from './transcript-turns.ts';

/** Key of a content block, the same while it streams and once it is stored. */
export const contentKey = (messageId: string, index: number): string =>
	`said:${messageId}:${index}`;

interface Said {
	event: SessionEvent;
	key: string;
	parent: string | null;
	cut: boolean;
}

const addToolUse = (state: TranscriptState, said: Said, content: Loose, id: string): Block => {
	const { event, parent } = said;
	const known = toolAt(state, id);
	const name = cleanLine(textAt(content, 'name') ?? 'tool', 200);
	const input = objectAt(content, 'input') ?? {};
	const block = {
		...(known ?? emptyTool(id)),
		seq: event.seq,
		ts: event.ts,
		name,
		input,
		status: known?.result ? known.status : ('running' as const)
	};
	if (!known?.result) state.openTools.add(block.key);
	addBlock(state, block, parent);
	return block;
};

const addUnknown = (state: TranscriptState, said: Said, type: string, payload: unknown): void => {
	const { event, key, parent } = said;
	const { seq, ts, source } = event;
	addBlock(state, { kind: 'unknown', key, seq, ts, source, type, payload }, parent);
};

const addContent = (state: TranscriptState, said: Said, content: unknown): string | null => {
	const { event, key, parent, cut } = said;
	const base = { key, seq: event.seq, ts: event.ts };
	const type = textAt(content, 'type') ?? '';
	if (type === 'text') {
		const text = cleanText(textAt(content, 'text') ?? '');
		if (text.trim() === '') return null;
		addBlock(
			state,
			{ ...base, kind: 'text', text, streaming: false, cut, wholeSeq: wholeSeqOf(event) },
			parent
		);
		return key;
	}
	if (type === 'thinking' || type === 'redacted_thinking') {
		const text = cleanText(textAt(content, 'thinking') ?? '');
		const durationMs = numberAt(event.payload, 'thinking_duration_ms');
		if (text.trim() === '') return null;
		addBlock(state, { ...base, kind: 'thinking', text, streaming: false, durationMs }, parent);
		return key;
	}
	const toolUseId = textAt(content, 'id');
	if (type.endsWith('tool_use') && toolUseId !== null) {
		return addToolUse(state, said, content as Loose, toolUseId).key;
	}
	if (type.endsWith('tool_result')) {
		foldToolResult(state, event, content as Loose, undefined, parent);
		return null;
	}
	addUnknown(state, said, `assistant ${type}`, content);
	return key;
};

/** Removes blocks that later facts say never counted, by the uuids of their messages. */
export const retract = (state: TranscriptState, uuids: string[]): void => {
	for (const uuid of uuids) {
		for (const key of state.keysByUuid.get(uuid) ?? []) removeBlock(state, key);
	}
};

const wordsOf = (contents: unknown[]): string =>
	contents.map((content) => textAt(content, 'text') ?? '').join('');

/** Folds `claude.assistant`. */
export const foldAssistant = (
	state: TranscriptState,
	event: SessionEvent,
	payload: Loose
): void => {
	const message = objectAt(payload, 'message');
	const contents = arrayAt(message, 'content');
	const messageId = textAt(message, 'id');
	const parent = textAt(payload, 'parent_tool_use_id');
	const error = textAt(payload, 'error');
	retract(
		state,
		arrayAt(payload, 'supersedes').filter((uuid) => typeof uuid === 'string')
	);
	state.lastAgentWordAt = event.ts;
	if (error === null) endRetries(state, 'recovered');
	// What the program says in the model's place when a call failed: shown once, as an error.
	const model = textAt(message, 'model');
	const synthetic = error !== null && model === '<synthetic>';
	if (model !== null && model !== '<synthetic>') state.demo = model === DEMO_MODEL_NAME;
	let index = messageId === null ? 0 : (state.storedCounts.get(messageId) ?? 0);
	const keys: string[] = [];
	for (const [part, content] of contents.entries()) {
		const key = messageId === null ? eventKey(event, part + 2) : contentKey(messageId, index);
		index += 1;
		if (synthetic) continue;
		const added = addContent(
			state,
			{ event, key, parent, cut: flagAt(payload, 'aborted') },
			content
		);
		if (added !== null) keys.push(added);
	}
	if (messageId !== null) state.storedCounts.set(messageId, index);
	const uuid = textAt(payload, 'uuid');
	if (uuid !== null && keys.length > 0) state.keysByUuid.set(uuid, keys);
	if (error === null) return;
	endRetries(state, 'failed');
	if (state.turn && parent === null) state.turn.failureShown = true;
	const detail = synthetic ? wordsOf(contents) : null;
	addNotice(state, event, { tone: 'error', ...modelErrorWords(error), detail }, parent);
};
