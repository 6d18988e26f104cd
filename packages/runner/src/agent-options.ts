/**
 * How to start the agent, as the manager left it in the session folder: so the agent can start
 * before the runner is connected.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentOptionsSchema, type AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { errorText, type Log } from './log.ts';

export const AGENT_OPTIONS_FILE = 'agent-options.json';

/** A repo's own instructions for agents are cut after this many characters. */
const INSTRUCTIONS_MAX_CHARS = 40_000;

/** Null when there is no such file, or it says nothing we understand: then `welcome` tells. */
export const readAgentOptions = (sessionFolder: string, log: Log): AgentOptions | null => {
	try {
		const text = readFileSync(join(sessionFolder, AGENT_OPTIONS_FILE), 'utf8');
		return agentOptionsSchema.parse(JSON.parse(text));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		log('warn', 'cannot use the file of agent options', { error: errorText(error) });
		return null;
	}
};

/**
 * The repo's CLAUDE.md, which the agent does not read by itself because a repo's settings are not
 * trusted: its text is only text, its settings could run programs and move the model's address.
 */
const repoInstructions = (worktree: string): string => {
	for (const name of ['CLAUDE.md', join('.claude', 'CLAUDE.md')]) {
		try {
			const text = readFileSync(join(worktree, name), 'utf8').trim();
			if (text !== '') {
				return `# Instructions of this repository (${name})\n\n${text.slice(0, INSTRUCTIONS_MAX_CHARS)}`;
			}
		} catch {
			continue;
		}
	}
	return '';
};

/** What is appended to Claude Code's own system prompt. */
export const systemPromptAppend = (options: AgentOptions, worktree: string): string =>
	[options.systemPromptAppend, repoInstructions(worktree)].filter((it) => it !== '').join('\n\n');
