/** What the menu over the box offers: saved prompts, the agent's commands, and files of the worktree. */
import type { SavedPrompt } from '@agent-manager/protocol/saved-prompts.ts';
import type { AgentCommand } from './command-list.ts';
import { completeMention, type PathMention } from './path-mention.ts';

export interface Suggestion {
	key: string;
	name: string;
	hint: string;
	note: string;
	/** What stands in the box once it was chosen. */
	apply: (text: string, caret: number) => { text: string; caret: number };
	/** It stands there whole already: Enter sends it. */
	isWritten: (text: string) => boolean;
}

const whole = (text: string) => ({ text, caret: text.length });

export const commandSuggestion = (command: AgentCommand): Suggestion => ({
	key: `/${command.name}`,
	name: `/${command.name}`,
	hint: command.argumentHint,
	note: command.description,
	apply: () => whole(`/${command.name} `),
	isWritten: (text) => text === `/${command.name}`
});

/** Its own words take the place of its name. */
export const promptSuggestion = (prompt: SavedPrompt): Suggestion => ({
	key: `prompt:${prompt.id}`,
	name: `/${prompt.name}`,
	hint: 'saved prompt',
	note: prompt.text,
	apply: () => whole(prompt.text),
	isWritten: () => false
});

export const pathSuggestion = (path: string, mention: PathMention): Suggestion => {
	const name = path.lastIndexOf('/') + 1;
	return {
		key: path,
		name: path.slice(name),
		hint: '',
		note: path.slice(0, name),
		apply: (text, caret) => completeMention(text, caret, mention, path),
		isWritten: () => false
	};
};
