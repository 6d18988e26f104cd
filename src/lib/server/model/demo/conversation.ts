/**
 * Reads a Messages API request as a conversation of turns: what the person asked, which tools the
 * model called since and what they answered. The demo model keeps no state, so this is all it knows.
 */
import { z } from 'zod';

const blockSchema = z.looseObject({
	type: z.string(),
	text: z.string().optional(),
	id: z.string().optional(),
	name: z.string().optional(),
	input: z.unknown().optional(),
	tool_use_id: z.string().optional(),
	is_error: z.boolean().nullish(),
	content: z.unknown().optional()
});
type Block = z.infer<typeof blockSchema>;

const contentSchema = z.union([z.string(), z.array(blockSchema)]);

export const messagesRequestSchema = z.looseObject({
	model: z.string().min(1),
	max_tokens: z.number().optional(),
	stream: z.boolean().optional(),
	system: contentSchema.optional(),
	messages: z.array(z.object({ role: z.string(), content: contentSchema })).min(1),
	tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
	thinking: z.looseObject({ type: z.string() }).optional(),
	output_config: z.looseObject({ format: z.looseObject({}).nullish() }).optional()
});
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

export interface ToolOutcome {
	name: string;
	input: Record<string, unknown>;
	/** What the tool answered, as text. */
	text: string;
	isError: boolean;
}

export interface Turn {
	prompt: string;
	/** One entry for each message of the model since the prompt: its tools and their outcomes. */
	steps: ToolOutcome[][];
	/** What the person said while the turn was going on. */
	asides: string[];
	/** Was Claude Code in plan mode when the turn began? */
	planMode: boolean;
}

export interface Conversation {
	turns: Turn[];
	cwd: string | null;
	tools: Set<string>;
	/** Tools that have to be loaded with ToolSearch before they can be called. */
	deferred: Set<string>;
	/** Where Claude Code wants the plan written, when it says so. */
	planFile: string | null;
}

const blocksOf = (content: z.infer<typeof contentSchema>): Block[] =>
	typeof content === 'string' ? [{ type: 'text', text: content }] : content;

const textOf = (content: unknown): string => {
	if (typeof content === 'string') return content;
	if (!Array.isArray(content)) return '';
	return content
		.map((part: unknown) => {
			const parsed = blockSchema.safeParse(part);
			return parsed.success ? (parsed.data.text ?? '') : '';
		})
		.join('\n');
};

/** Things Claude Code says in the person's name. */
const META = [
	/<system-reminder>[\s\S]*?<\/system-reminder>/g,
	/<(local-command-[a-z]+|command-[a-z]+)>[\s\S]*?<\/\1>/g,
	/^Caveat: The messages below were generated[^\n]*/g,
	/^Tool loaded\.$/g,
	/^\[Image: source: [^\n]*\]$/gm,
	/^Continue from where you left off\.\s*$/g,
	/^This session is being continued from a previous conversation[\s\S]*$/g
];
/** How Claude Code hands over what a person says in the middle of a turn. */
const ASIDE =
	/The user sent a new message while you were working:\n([\s\S]*?)\n\n(?:This is how Claude Code surfaces|IMPORTANT:)[^\n]*/g;
const INTERRUPTED = /^\[Request interrupted by user/;

/**
 * The person's words in a user message: its last text, since prompts that got no answer (interrupted,
 * API error) stand before it in the same message.
 */
function promptOf(blocks: Block[]): string {
	let prompt = '';
	for (const { type, text } of blocks) {
		if (type !== 'text' || text === undefined) continue;
		const words = [...META, ASIDE]
			.reduce((rest, pattern) => rest.replace(pattern, ''), text)
			.trim();
		if (INTERRUPTED.test(words)) prompt = '';
		else if (words !== '') prompt = words;
	}
	return prompt;
}

const inputSchema = z.record(z.string(), z.unknown()).catch({});

function outcomesOf(blocks: Block[]): { id: string; outcome: ToolOutcome }[] {
	return blocks
		.filter((block) => block.type === 'tool_use')
		.map((block) => ({
			id: block.id ?? '',
			outcome: {
				name: block.name ?? '',
				input: inputSchema.parse(block.input),
				text: '',
				isError: false
			}
		}));
}

const asidesIn = (blocks: Block[]): string[] =>
	blocks.flatMap((block) => [...(block.text ?? '').matchAll(ASIDE)].map((match) => match[1]!));

/** Reminders say when plan mode begins and ends. */
function planModeAfter(before: boolean, blocks: Block[]): boolean {
	const told = blocks.map((block) => block.text ?? '').join('\n');
	const entered = told.lastIndexOf('Plan mode is active');
	const left = Math.max(told.lastIndexOf('exited plan mode'), told.lastIndexOf('Exited Plan Mode'));
	return entered === left ? before : entered > left;
}

function readTurns(messages: MessagesRequest['messages']): Turn[] {
	const turns: Turn[] = [];
	const open = new Map<string, ToolOutcome>();
	let planMode = false;
	for (const message of messages) {
		const blocks = blocksOf(message.content);
		if (message.role !== 'assistant') planMode = planModeAfter(planMode, blocks);
		const current = turns.at(-1);
		if (current && current.steps.length === 0) current.planMode = planMode;
		if (current && message.role !== 'assistant') current.asides.push(...asidesIn(blocks));
		if (message.role === 'assistant') {
			const outcomes = outcomesOf(blocks);
			for (const { id, outcome } of outcomes) open.set(id, outcome);
			turns.at(-1)?.steps.push(outcomes.map(({ outcome }) => outcome));
			continue;
		}
		if (message.role !== 'user') continue;
		for (const block of blocks) {
			const outcome = block.type === 'tool_result' ? open.get(block.tool_use_id ?? '') : undefined;
			if (!outcome) continue;
			outcome.text = textOf(block.content);
			outcome.isError = block.is_error ?? false;
		}
		const prompt = promptOf(blocks);
		if (prompt !== '') turns.push({ prompt, steps: [], asides: [], planMode });
	}
	return turns;
}

/** Working directory, deferred tools and plan mode, from what Claude Code tells the model. */
export function readConversation(request: MessagesRequest): Conversation {
	const told = [
		...(request.system === undefined ? [] : blocksOf(request.system)),
		...request.messages
			.filter((message) => message.role !== 'assistant')
			.flatMap((message) => blocksOf(message.content))
	]
		.map((block) => block.text ?? '')
		.join('\n');
	const deferredList = /deferred tools are now available[^\n]*\n([\s\S]*?)(?:\n\n|$)/.exec(
		told
	)?.[1];
	return {
		turns: readTurns(request.messages),
		cwd: /(?:Primary w|W)orking directory: ([^\n]+)/.exec(told)?.[1]?.trim() ?? null,
		tools: new Set((request.tools ?? []).flatMap((tool) => (tool.name ? [tool.name] : []))),
		deferred: new Set(
			(deferredList ?? '')
				.split('\n')
				.map((line) => line.trim())
				.filter(Boolean)
		),
		planFile: /(\/[^\s`'"]+\/plans\/[^\s`'"]+\.md)/.exec(told)?.[1] ?? null
	};
}
