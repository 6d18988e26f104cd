/** Which of the agent's commands fit what is being written: those that begin so first, then those that have it. */

export interface AgentCommand {
	name: string;
	description: string;
	argumentHint: string;
}

const SHOWN_MAX = 8;

/** The name that is being written; null when the text is no command, or its name is done. */
const nameIn = (text: string): string | null => {
	const found = /^\/([^\s/]*)$/.exec(text);
	return found ? (found[1] ?? '').toLowerCase() : null;
};

export const fittingCommands = (
	text: string,
	commands: readonly AgentCommand[]
): AgentCommand[] => {
	const name = nameIn(text);
	if (name === null) return [];
	const begin = commands.filter((command) => command.name.toLowerCase().startsWith(name));
	const have = commands.filter(
		(command) => !begin.includes(command) && command.name.toLowerCase().includes(name)
	);
	return [...begin, ...have].slice(0, SHOWN_MAX);
};
