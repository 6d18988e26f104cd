/** Inputs for Claude Code's tools that need a little care. */
import { posix } from 'node:path';
import type { Conversation, ToolOutcome } from './conversation.ts';
import { AT_ONCE, call, reply, type Reply } from './reply.ts';

/** File tools want absolute paths. */
export const absolutePath = (scene: { conversation: Conversation }, path: string): string =>
	posix.resolve(scene.conversation.cwd ?? '/', path);

export const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Stages `what` (`-A` or quoted paths after `--`) and commits, in one command. */
export const commitCommand = (what: string, message: string): string =>
	`git add ${what} && git commit -m ${shellQuote(message)}`;

/** Loads a deferred tool first; a tool that is offered already costs no step. */
export function* loadTool(
	scene: { conversation: Conversation },
	name: string
): Generator<Reply, void, ToolOutcome[]> {
	if (!scene.conversation.deferred.has(name)) return;
	yield reply([call('ToolSearch', { query: `select:${name}`, max_results: 1 })], AT_ONCE);
}

/** What a person chose or wrote, in the answer of AskUserQuestion; null when it is not there. */
export const answerIn = (text: string, question: string): string | null =>
	text.split(`"${question}"="`)[1]?.split('"')[0] ?? null;
