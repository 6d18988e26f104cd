/**
 * The Claude Code process, started through the Agent SDK with one open input for its whole life.
 * Nothing of the repo's or a user's settings is loaded, and its environment is made from nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
	query,
	type CanUseTool,
	type Options,
	type Query,
	type SDKUserMessage,
	type SpawnOptions
} from '@anthropic-ai/claude-agent-sdk/core';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { systemPromptAppend } from './agent-options.ts';
import { currentConversation, findConversation, hasMessages } from './conversation.ts';
import { SDK_MODE } from './configuration.ts';
import type { RunnerEnvironment } from './environment.ts';
import { beginFork, beginRewound, type ForkStart } from './fork-conversation.ts';
import { createInputQueue, type InputQueue } from './input-queue.ts';

/** How the process ended; `exitCode` is null when a signal ended it or it never ran. */
export interface AgentExit {
	exitCode: number | null;
	signal: string | null;
	error: string | null;
}

export interface AgentProcess {
	query: Query;
	input: InputQueue<SDKUserMessage>;
	/** Conversation it goes on with, or begins. */
	conversationId: string;
	resumed: boolean;
	/** It should have gone on from something that is not there any more. */
	contextLost: boolean;
	/** Resolves once, never rejects. */
	exited: Promise<AgentExit>;
	/** Last lines the process said on stderr, oldest first. */
	stderr(): string[];
	/** Stops reading its output: the SDK would read on for ever and keep it all in memory. */
	pause(): void;
	resume(): void;
	kill(): void;
}

const STDERR_LINES = 50;
const STDERR_LINE_CHARS = 2000;

/** Where Claude Code keeps its conversations and state, within the session folder. */
export const configFolder = (sessionFolder: string): string => join(sessionFolder, 'claude');

const agentEnvironment = (env: RunnerEnvironment, relayPort: number): Record<string, string> => {
	const relay = `http://127.0.0.1:${relayPort}`;
	const { gitIdentity } = env;
	return {
		LANG: 'C.UTF-8',
		USER: 'agent',
		TMPDIR: '/tmp',
		...env.inherited,
		HOME: join(env.sessionFolder, 'home'),
		CLAUDE_CONFIG_DIR: configFolder(env.sessionFolder),
		CLAUDE_CODE_TMPDIR: env.inherited.TMPDIR ?? '/tmp',
		ANTHROPIC_BASE_URL: `${relay}/model`,
		ANTHROPIC_AUTH_TOKEN: env.token,
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
		DISABLE_AUTOUPDATER: '1',
		IS_SANDBOX: '1',
		GIT_TERMINAL_PROMPT: '0',
		HTTP_PROXY: relay,
		HTTPS_PROXY: relay,
		http_proxy: relay,
		https_proxy: relay,
		NO_PROXY: '127.0.0.1,localhost',
		no_proxy: '127.0.0.1,localhost',
		...(gitIdentity && {
			GIT_AUTHOR_NAME: gitIdentity.name,
			GIT_AUTHOR_EMAIL: gitIdentity.email,
			GIT_COMMITTER_NAME: gitIdentity.name,
			GIT_COMMITTER_EMAIL: gitIdentity.email
		})
	};
};

/**
 * An orchestrator's tools, behind the door. They ask nobody for leave: what may be done is checked where
 * it is done. Loaded at once, since an orchestrator without them is none.
 */
const orchestratorTools = (
	env: RunnerEnvironment,
	relayPort: number
): Pick<Options, 'mcpServers' | 'allowedTools'> => ({
	mcpServers: {
		sessions: {
			type: 'http',
			url: `http://127.0.0.1:${relayPort}/mcp`,
			headers: { authorization: `Bearer ${env.token}` },
			alwaysLoad: true
		}
	},
	allowedTools: ['mcp__sessions']
});

const sdkOptions = (
	env: RunnerEnvironment,
	agent: AgentOptions,
	relayPort: number
): Options & { env: Record<string, string> } => ({
	cwd: env.worktree,
	env: agentEnvironment(env, relayPort),
	pathToClaudeCodeExecutable: env.claudePath,
	includePartialMessages: true,
	settingSources: [],
	strictMcpConfig: true,
	mcpServersDelivery: 'initialize',
	settings: { disableAutoMode: 'disable', useAutoModeDuringPlan: false },
	managedSettings: { disableAllHooks: true },
	systemPrompt: {
		type: 'preset',
		preset: 'claude_code',
		append: systemPromptAppend(agent, env.worktree),
		snapshot: false
	},
	...(agent.role === 'orchestrator' && orchestratorTools(env, relayPort)),
	...(agent.model !== null && { model: agent.model }),
	...(agent.effort !== null && { effort: agent.effort }),
	permissionMode: SDK_MODE[agent.permissionMode],
	// Without it no later switch to full autonomy is possible; by itself it allows nothing.
	allowDangerouslySkipPermissions: true
});

/**
 * Goes on with the session's conversation if there is one. A file without messages is the rest of
 * an agent that was killed at once: it can't be resumed, and its id can't be used while it is there.
 */
const chooseConversation = async (
	env: RunnerEnvironment,
	agent: AgentOptions
): Promise<{ conversationId: string; resumed: boolean; isGone: boolean }> => {
	const folder = configFolder(env.sessionFolder);
	const conversationId = currentConversation(env.sessionFolder, agent.conversationId);
	const path = findConversation(folder, conversationId);
	if (path === null) {
		// Of a whole folder that was taken away, the manager says so. After `/clear` none may be begun yet.
		const isKnown = conversationId === agent.conversationId && existsSync(folder);
		return {
			conversationId,
			resumed: false,
			isGone: isKnown && agent.hasConversation === true
		};
	}
	if (await hasMessages(path)) return { conversationId, resumed: true, isGone: false };
	await rename(path, `${path}.empty`);
	return { conversationId, resumed: false, isGone: false };
};

const chooseFork = async (
	env: RunnerEnvironment,
	{ fork, rewound }: AgentOptions
): Promise<ForkStart | null> => {
	const folder = configFolder(env.sessionFolder);
	if (rewound) return beginRewound(folder, rewound.messageIds);
	return fork && beginFork(env.sessionFolder, folder, env.worktree, fork);
};

/** Starts the process at once; it waits for its first message. */
export const startAgentProcess = async (
	env: RunnerEnvironment,
	agent: AgentOptions,
	relayPort: number,
	canUseTool: CanUseTool
): Promise<AgentProcess> => {
	mkdirSync(join(env.sessionFolder, 'home'), { recursive: true, mode: 0o700 });
	const conversation = await chooseConversation(env, agent);
	mkdirSync(configFolder(env.sessionFolder), { recursive: true, mode: 0o700 });
	const { conversationId, resumed, isGone } = conversation;
	const fork = resumed ? null : await chooseFork(env, agent);
	const input = createInputQueue<SDKUserMessage>();
	const tail = createLineTail();
	let child: ChildProcess | null = null;
	let ended: (exit: AgentExit) => void = () => undefined;
	const exited = new Promise<AgentExit>((resolve) => (ended = resolve));

	const spawnClaude = (options: SpawnOptions): ChildProcess & { stdin: never; stdout: never } => {
		child = spawn(options.command, options.args, {
			cwd: options.cwd,
			env: options.env as NodeJS.ProcessEnv,
			stdio: ['pipe', 'pipe', 'pipe'],
			signal: options.signal
		});
		child.stderr?.setEncoding('utf8').on('data', tail.add);
		void watch(child).then(ended);
		return child as ChildProcess & { stdin: never; stdout: never };
	};
	const started = query({
		prompt: input,
		options: {
			...sdkOptions(env, agent, relayPort),
			...(resumed ? { resume: conversationId } : { sessionId: conversationId, ...fork }),
			canUseTool,
			spawnClaudeCodeProcess: spawnClaude
		}
	});
	return {
		query: started,
		input,
		conversationId,
		resumed,
		contextLost: isGone || (!resumed && fork === null && agent.rewound !== null),
		exited,
		stderr: tail.lines,
		pause: () => child?.stdout?.pause(),
		resume: () => child?.stdout?.resume(),
		kill: () => child?.kill('SIGKILL')
	};
};

const watch = async (child: ChildProcess): Promise<AgentExit> => {
	try {
		const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
		return { exitCode, signal, error: null };
	} catch (error) {
		return { exitCode: null, signal: null, error: String(error) };
	}
};

/** The last lines of a stream of text, with bounds on both their number and their length. */
const createLineTail = (): { add: (text: string) => void; lines: () => string[] } => {
	let kept: string[] = [];
	let rest = '';
	return {
		add(text) {
			const parts = (rest + text).split('\n');
			rest = (parts.pop() ?? '').slice(-STDERR_LINE_CHARS);
			const whole = parts.filter((line) => line.trim() !== '');
			kept = kept
				.concat(whole.map((line) => line.slice(0, STDERR_LINE_CHARS)))
				.slice(-STDERR_LINES);
		},
		lines: () => (rest.trim() === '' ? kept : [...kept, rest])
	};
};
