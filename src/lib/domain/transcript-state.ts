/**
 * The fold's state and the few ways to change it. Adding an event costs the same however long the
 * transcript is: the lists grow in place, and what a reader gets (`blocksOf`) is copied once for a
 * batch of events. Blocks themselves are never changed in place.
 */
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import type { Block, Todo, ToolBlock, UserBlock } from './transcript-blocks.ts';

/** Where a block is: in the main conversation (`parent` null) or among the words of a sub-agent. */
interface Spot {
	parent: string | null;
	index: number;
	depth: number;
}

export interface OpenTurn {
	startedAt: string;
	/** Facts of the turn's result, once it is there. */
	result: TurnResult | null;
	failureShown: boolean;
	files: Set<string>;
	linesAdded: number;
	linesRemoved: number;
}

export interface TurnResult {
	durationMs: number | null;
	costUsd: number | null;
	inputTokens: number | null;
	outputTokens: number | null;
	failed: boolean;
	interrupted: boolean;
}

export interface TranscriptState {
	/** Newest event that was folded. */
	head: number;
	blocks: Block[];
	spots: Map<string, Spot>;
	/** Blocks of sub-agents by the key of their call. */
	children: Map<string, Block[]>;
	/** Calls whose `children` are newer than the block says. */
	dirty: Set<string>;
	removed: Set<string>;
	/** Messages that the agent has not begun with, oldest first. */
	queued: UserBlock[];
	/** How many content blocks of a message are stored, by the message's id. */
	storedCounts: Map<string, number>;
	/** Keys of the blocks that came with an SDK message, by its uuid. */
	keysByUuid: Map<string, string[]>;
	/** Keys of calls without a result. */
	openTools: Set<string>;
	/** The request's block by the call it is about. */
	requestByTool: Map<string, string>;
	todos: Todo[];
	turn: OpenTurn | null;
	totalCostUsd: number | null;
	/** The newest answer came from the demo model, which costs nothing whatever the agent says. */
	demo: boolean;
	/** The row of retries that goes on, if one does. */
	retryKey: string | null;
	compactingSince: string | null;
	lastAgentWordAt: string | null;
	interruptAsked: boolean;
	commitsHead: string | null;
}

export const messageKey = (commandId: string): string => `message:${commandId}`;

/** Where the fold of a window begins: at the log's beginning, or with what stands open there. */
export const emptyTranscript = (carry: TranscriptCarry | null = null): TranscriptState => ({
	head: 0,
	blocks: [],
	spots: new Map(),
	children: new Map(),
	dirty: new Set(),
	removed: new Set(),
	queued: (carry?.queued ?? []).map((message) => ({
		kind: 'user',
		key: messageKey(message.commandId),
		...message,
		begunSeq: null,
		delivery: 'queued'
	})),
	storedCounts: new Map(),
	keysByUuid: new Map(),
	openTools: new Set(),
	requestByTool: new Map(),
	todos: carry?.todos ?? [],
	turn: carry?.turn ? { ...carry.turn, files: new Set(carry.turn.files) } : null,
	totalCostUsd: carry?.totalCostUsd ?? null,
	demo: carry?.demo ?? false,
	retryKey: null,
	compactingSince: null,
	lastAgentWordAt: null,
	interruptAsked: carry?.interruptAsked ?? false,
	commitsHead: null
});

/** What a window that begins after this state needs to know of it. */
export const carryOf = (state: TranscriptState): TranscriptCarry => ({
	turn: state.turn && { ...state.turn, files: [...state.turn.files] },
	totalCostUsd: state.totalCostUsd,
	demo: state.demo,
	interruptAsked: state.interruptAsked,
	queued: state.queued.map((message) => {
		const { seq, ts, commandId, text, from, fromSession, steer, attachments } = message;
		return {
			...{ seq, ts, commandId, text, from },
			...(fromSession === undefined ? {} : { fromSession }),
			...(steer && { steer }),
			...(attachments && { attachments })
		};
	}),
	todos: state.todos
});

/** A copy that can be folded on without changing the original. */
export const copyTranscript = (state: TranscriptState): TranscriptState => ({
	...state,
	blocks: state.blocks.slice(),
	spots: new Map(state.spots),
	children: new Map([...state.children].map(([key, list]) => [key, list.slice()])),
	dirty: new Set(state.dirty),
	removed: new Set(state.removed),
	queued: state.queued.slice(),
	storedCounts: new Map(state.storedCounts),
	keysByUuid: new Map(state.keysByUuid),
	openTools: new Set(state.openTools),
	requestByTool: new Map(state.requestByTool),
	turn: state.turn && { ...state.turn, files: new Set(state.turn.files) }
});

/** Sub-agents of sub-agents below this are shown one level up: no hostile log builds a tower. */
const MAX_DEPTH = 5;

export const toolKey = (toolUseId: string): string => `tool:${toolUseId}`;

const listOf = (state: TranscriptState, parent: string | null): Block[] =>
	parent === null ? state.blocks : (state.children.get(parent) ?? []);

export const blockAt = (state: TranscriptState, key: string): Block | null => {
	const spot = state.spots.get(key);
	return spot ? (listOf(state, spot.parent)[spot.index] ?? null) : null;
};

export const toolAt = (state: TranscriptState, toolUseId: string): ToolBlock | null => {
	const block = blockAt(state, toolKey(toolUseId));
	return block?.kind === 'tool' ? block : null;
};

/** Puts another block in the place of the one with the same key; nothing happens if there is none. */
export const replaceBlock = (state: TranscriptState, block: Block): void => {
	const spot = state.spots.get(block.key);
	if (!spot) return;
	listOf(state, spot.parent)[spot.index] = block;
	if (spot.parent !== null) state.dirty.add(spot.parent);
};

export const emptyTool = (toolUseId: string): ToolBlock => ({
	kind: 'tool',
	key: toolKey(toolUseId),
	seq: null,
	ts: null,
	toolUseId,
	name: null,
	input: {},
	inputText: null,
	status: 'running',
	result: null,
	endedAt: null,
	children: [],
	subAgent: null,
	approval: null,
	hidden: false
});

/** The call a sub-agent belongs to; one that is not in the window gets a place-holder. */
const parentSpot = (state: TranscriptState, toolUseId: string): { key: string; depth: number } => {
	const key = toolKey(toolUseId);
	if (!state.spots.has(key)) {
		addBlock(state, emptyTool(toolUseId), null);
		state.openTools.add(key);
	}
	const spot = state.spots.get(key);
	if (!spot || spot.depth < MAX_DEPTH || spot.parent === null) {
		return { key, depth: (spot?.depth ?? 0) + 1 };
	}
	return { key: spot.parent, depth: spot.depth };
};

/**
 * Adds a block at the end of the main conversation or of a sub-agent's. A key that is there already
 * keeps its place and gets the new content.
 */
export const addBlock = (
	state: TranscriptState,
	block: Block,
	parentToolUseId: string | null
): void => {
	const parent =
		parentToolUseId === null || state.spots.has(block.key)
			? null
			: parentSpot(state, parentToolUseId);
	// Asked again: a call that claims to be its own parent has just got its place.
	if (state.spots.has(block.key)) {
		replaceBlock(state, block);
		return;
	}
	if (parent && !state.children.has(parent.key)) state.children.set(parent.key, []);
	const list = listOf(state, parent?.key ?? null);
	state.spots.set(block.key, {
		parent: parent?.key ?? null,
		index: list.length,
		depth: parent?.depth ?? 0
	});
	list.push(block);
	if (parent) state.dirty.add(parent.key);
};

export const removeBlock = (state: TranscriptState, key: string): void => {
	const spot = state.spots.get(key);
	if (!spot) return;
	state.removed.add(key);
	if (spot.parent !== null) state.dirty.add(spot.parent);
};

const visible = (state: TranscriptState, blocks: Block[]): Block[] =>
	blocks.filter((block) => !state.removed.has(block.key) && !('hidden' in block && block.hidden));

/** The blocks of the main conversation as a reader gets them, sub-agents' inside their calls. */
export const blocksOf = (state: TranscriptState): Block[] => {
	for (const key of state.dirty) {
		state.dirty.delete(key);
		const block = blockAt(state, key);
		if (block?.kind !== 'tool') continue;
		// Marks the call's own parent dirty in turn, which this loop then meets.
		replaceBlock(state, { ...block, children: visible(state, listOf(state, key)) });
	}
	return visible(state, state.blocks);
};
