/** `claude.user`: results of tools, joined to their calls. What a person said is a manager's event. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanLine } from './clean-text.ts';
import { arrayAt, asArray, asObject, flagAt, objectAt, textAt, type Loose } from './loose-json.ts';
import type { ToolBlock, ToolImage, ToolResult } from './transcript-blocks.ts';
import { patchOf, patchStats } from './transcript-patch.ts';
import {
	addBlock,
	blockAt,
	emptyTool,
	replaceBlock,
	toolAt,
	type TranscriptState
} from './transcript-state.ts';
import { todosAfter } from './transcript-todos.ts';
import { wholeSeqOf } from './transcript-turns.ts';

const imageTypes = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const base64 = /^[A-Za-z0-9+/=\s]*$/;

const imageOf = (content: unknown): ToolImage | null => {
	const source = objectAt(content, 'source');
	const mediaType = textAt(source, 'media_type') ?? textAt(content, 'mimeType');
	const data = textAt(source, 'data') ?? textAt(content, 'data');
	if (mediaType === null || data === null || !imageTypes.has(mediaType)) return null;
	return base64.test(data.slice(0, 4096)) ? { mediaType, base64: data } : null;
};

/** What the SDK puts around the words of a call that it refused itself. */
const unwrapped = (text: string): string =>
	text.startsWith('<tool_use_error>')
		? text.slice('<tool_use_error>'.length).replace(/<\/tool_use_error>$/, '')
		: text;

const readContent = (content: unknown): Pick<ToolResult, 'text' | 'images'> => {
	if (typeof content === 'string') return { text: unwrapped(content), images: [] };
	const texts: string[] = [];
	const images: ToolImage[] = [];
	for (const item of asArray(content)) {
		const text = textAt(item, 'text');
		const image = textAt(item, 'type') === 'image' ? imageOf(item) : null;
		if (text !== null) texts.push(text);
		if (image && images.length < 20) images.push(image);
	}
	return { text: texts.join('\n'), images };
};

const countChanges = (state: TranscriptState, tool: ToolBlock): void => {
	const patch = tool.status === 'done' && state.turn ? patchOf(tool) : null;
	if (!patch || !state.turn) return;
	const { added, removed } = patchStats(patch);
	state.turn.files.add(patch.path);
	state.turn.linesAdded += added;
	state.turn.linesRemoved += removed;
};

/** What a person answered, once the tool that asked says so. */
const fillAnswers = (state: TranscriptState, toolUseId: string, structured: unknown): void => {
	const requestKey = state.requestByTool.get(toolUseId);
	const request = requestKey === undefined ? null : blockAt(state, requestKey);
	const given = objectAt(structured, 'answers');
	if (request?.kind !== 'request' || !given) return;
	const answers: Record<string, string> = {};
	for (const [question, answer] of Object.entries(given).slice(0, 50)) {
		const said = Array.isArray(answer) ? answer.join(', ') : answer;
		if (typeof said === 'string') answers[cleanLine(question, 500)] = cleanLine(said, 2000);
	}
	replaceBlock(state, { ...request, answers });
};

/** Joins one result to its call; a call outside the window gets a place-holder. */
export const foldToolResult = (
	state: TranscriptState,
	event: SessionEvent,
	content: Loose,
	structured: unknown,
	parent: string | null
): void => {
	const toolUseId = textAt(content, 'tool_use_id');
	if (toolUseId === null) return;
	const known = toolAt(state, toolUseId);
	const isError = flagAt(content, 'is_error');
	const wholeSeq = wholeSeqOf(event);
	const tool: ToolBlock = {
		...(known ?? emptyTool(toolUseId)),
		seq: known?.seq ?? event.seq,
		ts: known?.ts ?? event.ts,
		result: { ...readContent(content['content']), isError, structured, wholeSeq },
		status: flagAt(structured, 'interrupted') ? 'interrupted' : isError ? 'failed' : 'done',
		endedAt: event.ts
	};
	addBlock(state, tool, parent);
	state.openTools.delete(tool.key);
	if (parent === null && !isError) {
		state.todos = todosAfter(state.todos, tool.name, tool.input, structured);
	}
	countChanges(state, tool);
	fillAnswers(state, toolUseId, structured);
};

/** Folds `claude.user`. A person's own words, replayed or synthetic, are not shown twice. */
export const foldUser = (state: TranscriptState, event: SessionEvent, payload: Loose): void => {
	const parent = textAt(payload, 'parent_tool_use_id');
	const contents = arrayAt(objectAt(payload, 'message'), 'content');
	const results = contents.filter((content) => textAt(content, 'type') === 'tool_result');
	// The structured result is of the message, so it can belong to one call only.
	const structured = results.length === 1 ? payload['tool_use_result'] : undefined;
	for (const content of results) {
		const result = asObject(content);
		if (result) foldToolResult(state, event, result, structured, parent);
	}
	state.lastAgentWordAt = event.ts;
};
