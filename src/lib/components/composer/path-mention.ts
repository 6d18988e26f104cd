/** A file that is being named in the text: an `@` at the beginning of a word, and what follows up to the caret. */

export interface PathMention {
	/** Where the `@` stands. */
	start: number;
	typed: string;
}

export const mentionAt = (text: string, caret: number): PathMention | null => {
	const found = /(?:^|\s)@([^\s@]*)$/.exec(text.slice(0, caret));
	if (!found) return null;
	const typed = found[1] ?? '';
	return { start: caret - typed.length - 1, typed };
};

/** Claude Code reads a path with spaces in quotes. */
const written = (path: string): string => (/\s/.test(path) ? `@"${path}"` : `@${path}`);

/** The text with the path in it, and where the caret then stands. */
export const completeMention = (
	text: string,
	caret: number,
	{ start }: PathMention,
	path: string
): { text: string; caret: number } => {
	const before = `${text.slice(0, start)}${written(path)} `;
	return { text: before + text.slice(caret).replace(/^ /, ''), caret: before.length };
};
