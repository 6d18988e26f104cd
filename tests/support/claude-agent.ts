/** The real Claude Code binary through the SDK, turn by turn, against any Messages API. */
import {
	query,
	type Options,
	type SDKMessage,
	type SDKUserMessage
} from '@anthropic-ai/claude-agent-sdk';

export interface Agent {
	/** Runs one turn; resolves to its messages, the result last. */
	turn(prompt: string): Promise<SDKMessage[]>;
	/** Hands in a prompt without waiting for anything. */
	send(prompt: string): void;
	interrupt(): Promise<unknown>;
	/** Called for each message as it comes. */
	onMessage: (message: SDKMessage) => void;
	close(): void;
}

export interface AgentStart {
	cwd: string;
	/** Home and config directory; the conversation lives there. */
	home: string;
	/** Where the model is and what to show it: `ANTHROPIC_BASE_URL` and a key. */
	model: Record<string, string>;
	options?: Partial<Options>;
}

export function startAgent({ cwd, home, model, options = {} }: AgentStart): Agent {
	const prompts: SDKUserMessage[] = [];
	let wake = (): void => {};
	let ended = false;
	async function* input(): AsyncGenerator<SDKUserMessage> {
		while (!ended) {
			const next = prompts.shift();
			if (next) yield next;
			else await new Promise<void>((resolve) => (wake = resolve));
		}
	}
	const stream = query({
		prompt: input(),
		options: {
			cwd,
			permissionMode: options.canUseTool ? 'default' : 'bypassPermissions',
			allowDangerouslySkipPermissions: !options.canUseTool,
			settingSources: [],
			settings: { disableAutoMode: 'disable' },
			env: {
				PATH: process.env.PATH,
				HOME: home,
				CLAUDE_CONFIG_DIR: home,
				IS_SANDBOX: '1',
				CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
				...model
			},
			...options
		}
	});
	const agent: Agent = {
		onMessage: () => {},
		send: (prompt) => {
			prompts.push({
				type: 'user',
				message: { role: 'user', content: prompt },
				parent_tool_use_id: null
			});
			wake();
		},
		interrupt: () => stream.interrupt(),
		close: () => {
			ended = true;
			wake();
			stream.close();
		},
		turn: async (prompt) => {
			agent.send(prompt);
			const seen: SDKMessage[] = [];
			for (;;) {
				const next = await stream.next();
				if (next.done) throw new Error('the agent ended within a turn');
				seen.push(next.value);
				agent.onMessage(next.value);
				if (next.value.type === 'result') return seen;
			}
		}
	};
	return agent;
}

/** What the agent said last; the whole result as JSON when it ended otherwise. */
export const lastWords = (messages: SDKMessage[]): string => {
	const result = messages.at(-1);
	return result?.type === 'result' && result.subtype === 'success'
		? result.result
		: JSON.stringify(result);
};

export interface SeenTool {
	name: string;
	input: unknown;
}

export const toolsOf = (messages: SDKMessage[]): SeenTool[] =>
	messages.flatMap((message) =>
		message.type === 'assistant'
			? message.message.content.flatMap((block) =>
					block.type === 'tool_use' ? [{ name: block.name, input: block.input }] : []
				)
			: []
	);
