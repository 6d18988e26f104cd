/**
 * What a transcript is made of once its events are folded: one block is one thing a person reads.
 * Blocks are plain data and never changed in place; a changed block is a new object with the same key.
 */
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { EventSource } from '@agent-manager/protocol/events.ts';
import type { Loose } from './loose-json.ts';

interface BlockBase {
	/** The same from the first delta to the last event, so that a row is never drawn anew. */
	key: string;
	/** The event it came from; null while it is still being produced. */
	seq: number | null;
	/** ISO 8601; null while it is still being produced. */
	ts: string | null;
}

export interface UserBlock extends BlockBase {
	kind: 'user';
	seq: number;
	ts: string;
	commandId: string;
	text: string;
	from: 'person' | 'orchestrator' | 'manager';
	/** The orchestrator that sent it. */
	fromSession?: string;
	/** The event with which the agent began; null until then. It stands in the transcript there. */
	begunSeq: number | null;
	/** It was meant for the turn that ran. */
	steer?: boolean;
	attachments?: Attachment[];
	/**
	 * `queued`: the agent has not begun with it. `delivered`: a turn began with it. `steered`: it went into the
	 * turn that ran. `unknown`: nobody can tell whether it arrived.
	 */
	delivery: 'queued' | 'delivered' | 'steered' | 'unknown';
}

export interface TextBlock extends BlockBase {
	kind: 'text';
	text: string;
	streaming: boolean;
	/** Cut off by an interrupt or by the end of the sandbox. */
	cut: boolean;
	/** The event that has the whole of it, when it is too long for a page of the log. */
	wholeSeq: number | null;
}

export interface ThinkingBlock extends BlockBase {
	kind: 'thinking';
	text: string;
	streaming: boolean;
	/** How long it took, when the SDK says so. */
	durationMs: number | null;
}

export type ToolStatus = 'streaming' | 'running' | 'done' | 'failed' | 'interrupted';

export interface ToolResult {
	/** What the model was told, as text. Raw: may hold terminal sequences. */
	text: string;
	images: ToolImage[];
	isError: boolean;
	/** The SDK's `tool_use_result`: a shape of its own for each tool. */
	structured: unknown;
	/** The event that has the whole of it, when it is too long for a page of the log. */
	wholeSeq: number | null;
}

export interface ToolImage {
	/** One of png, jpeg, gif, webp. */
	mediaType: string;
	base64: string;
}

/** What is told of a sub-agent while it runs. Its cost is not: that is only told of the whole session. */
export interface SubAgent {
	description: string | null;
	lastTool: string | null;
	toolUses: number | null;
	tokens: number | null;
	durationMs: number | null;
	status: string | null;
	summary: string | null;
}

export interface ToolBlock extends BlockBase {
	kind: 'tool';
	toolUseId: string;
	/** Null when only the result or a sub-agent's words are in the window that is loaded. */
	name: string | null;
	input: Loose;
	/** Pieces of JSON so far, while the call is being written. */
	inputText: string | null;
	status: ToolStatus;
	result: ToolResult | null;
	endedAt: string | null;
	/** What a sub-agent said and did, oldest first. */
	children: Block[];
	subAgent: SubAgent | null;
	/** What a person said to it, `pending` while they are asked; null when nobody was. */
	approval: RequestOutcome | null;
	/** The rules that allowed it, without anybody being asked. */
	allowedBy?: string[];
	/** The rules that were made when it was allowed. */
	rulesMade?: string[];
	/** Shown as a request card instead. */
	hidden: boolean;
}

/** Small calls in a row, of the same agent. */
export interface GroupBlock extends BlockBase {
	kind: 'group';
	children: ToolBlock[];
}

export type RequestOutcome = 'pending' | 'allowed' | 'denied' | 'withdrawn';

export interface RequestBlock extends BlockBase {
	kind: 'request';
	requestId: string;
	requestKind: 'approval' | 'question' | 'plan';
	toolName: string;
	toolUseId: string;
	input: Loose;
	title: string | null;
	description: string | null;
	reason: string | null;
	outcome: RequestOutcome;
	/** What was said with it. */
	message: string | null;
	/** The orchestrator that decided; a person did without it. */
	bySession?: string;
	/** The rules that allowed it; nobody was asked then. */
	byRules?: { scope: 'session' | 'repo'; rule: string }[];
	/** The rules that were made with the answer. */
	remember?: { scope: 'session' | 'repo'; rules: string[] };
	/** It was changed before it was allowed: `input` is what was allowed. */
	changed?: true;
	/** Question → answer, known once the tool has answered. */
	answers: Record<string, string> | null;
	/** An approval whose call is shown: the call says how it went. */
	hidden: boolean;
}

export interface TurnBlock extends BlockBase {
	kind: 'turn';
	outcome: 'completed' | 'failed' | 'interrupted' | 'unknown';
	durationMs: number | null;
	/** Of this turn alone; null when the total before it is not in the window. */
	costUsd: number | null;
	inputTokens: number | null;
	outputTokens: number | null;
	filesChanged: number;
	linesAdded: number;
	linesRemoved: number;
}

export type Tone = 'quiet' | 'info' | 'warning' | 'error';

export interface NoticeBlock extends BlockBase {
	kind: 'notice';
	tone: Tone;
	title: string;
	detail: string | null;
	/** What the person can do. */
	hint: string | null;
}

export interface DividerBlock extends BlockBase {
	kind: 'divider';
	text: string;
	/** A page of the app that it speaks of. */
	href: string | null;
}

export interface RetryBlock extends BlockBase {
	kind: 'retry';
	attempt: number;
	maxRetries: number | null;
	/** Until the next attempt, from `ts`. */
	delayMs: number | null;
	reason: string;
	/** `recovered`: an answer came. `failed`: it was given up. */
	outcome: 'retrying' | 'recovered' | 'failed';
}

export interface CommitsBlock extends BlockBase {
	kind: 'commits';
	head: string;
	/** On the branch and not on its base. */
	commitCount: number;
	fastForward: boolean;
}

/** What an orchestrator tells the person. */
export interface ReportBlock extends BlockBase {
	kind: 'report';
	seq: number;
	ts: string;
	text: string;
}

/** A part that a rewind has set aside; what it has follows as rows of their own while it is open. */
export interface SetAsideBlock extends BlockBase {
	kind: 'set_aside';
	/** Events before this one are of it. */
	to: number;
	/** How many of what was said are in it, as far as the window has it. */
	prompts: number;
}

export interface UnknownBlock extends BlockBase {
	kind: 'unknown';
	source: EventSource;
	type: string;
	payload: unknown;
}

export type Block =
	| UserBlock
	| TextBlock
	| ThinkingBlock
	| ToolBlock
	| GroupBlock
	| RequestBlock
	| TurnBlock
	| NoticeBlock
	| DividerBlock
	| RetryBlock
	| CommitsBlock
	| ReportBlock
	| SetAsideBlock
	| UnknownBlock;

export interface Todo {
	id: string;
	text: string;
	/** What is said while it is in progress. */
	activeText: string | null;
	status: 'pending' | 'in_progress' | 'completed';
}

/** What the agent does right now, as far as the events tell. */
export type Activity =
	| { kind: 'idle' }
	| { kind: 'working'; since: string }
	| { kind: 'thinking'; since: string }
	| { kind: 'compacting'; since: string }
	| { kind: 'tool'; name: string; since: string }
	| {
			kind: 'retry';
			attempt: number;
			maxRetries: number | null;
			reason: string;
			/** How long the agent waits before it asks again, from `since` on. */
			delayMs: number | null;
			since: string;
	  };
