/** Which of the things with a name fit what is written after a slash: those that begin so first, then those that have it. */

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

export const isNaming = (text: string): boolean => nameIn(text) !== null;

export const fittingNames = <T extends { name: string }>(
	text: string,
	commands: readonly T[]
): T[] => {
	const name = nameIn(text);
	if (name === null) return [];
	const begin = commands.filter((command) => command.name.toLowerCase().startsWith(name));
	const have = commands.filter(
		(command) => !begin.includes(command) && command.name.toLowerCase().includes(name)
	);
	return [...begin, ...have].slice(0, SHOWN_MAX);
};
