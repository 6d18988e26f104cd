/**
 * Reads the plain part of the shell's language: words, quotes, and commands joined by `&&`, `||`, `;` and `|`.
 * What could run something that is not to be seen in the words (expansions, substitutions, subshells,
 * redirections into files, assignments, several lines) is not read at all.
 */

export interface ShellWord {
	text: string;
	/** It has a pattern that the shell replaces by names of files. */
	glob: boolean;
}

/** One command without anything around it: its name and its arguments. */
export type PlainCommand = ShellWord[];

const READABLE_MAX_CHARS = 4_000;

/** Control characters, and what looks like a space or like nothing and is neither. */
const HIDDEN =
	/[\u0000-\u0008\u000a-\u001f\u007f-\u00a0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]/;

/** Sent nowhere, or where the rest goes: nothing is written by it. */
const HARMLESS_REDIRECTION = /^(?:(?:[12]|&)?>>?[ \t]*\/dev\/null|[12]?>&[12])(?=[ \t;&|]|$)/;
const JOIN = /^(?:&&|\|\||;|\|(?!&))/;
const NOT_PLAIN = new Set('$`\\(){}<>#!&|;\'"');
const NOT_PLAIN_IN_QUOTES = new Set('$`\\!');
const GLOB = new Set('*?[]');

/** The quoted text and where it ends; null when it does not, or is more than text. */
const readQuoted = (command: string, at: number): { text: string; end: number } | null => {
	const quote = command[at] ?? '';
	const end = command.indexOf(quote, at + 1);
	if (end === -1) return null;
	const text = command.slice(at + 1, end);
	const isText = quote === "'" || ![...text].some((char) => NOT_PLAIN_IN_QUOTES.has(char));
	return isText ? { text, end: end + 1 } : null;
};

/** One word from here on; null when it is not plain. */
const readWord = (command: string, from: number): { word: ShellWord; end: number } | null => {
	const word: ShellWord = { text: '', glob: false };
	let at = from;
	while (at < command.length) {
		const char = command[at] ?? '';
		if (char === ' ' || char === '\t') break;
		if (char === "'" || char === '"') {
			const quoted = readQuoted(command, at);
			if (!quoted) return null;
			word.text += quoted.text;
			at = quoted.end;
			continue;
		}
		if (JOIN.test(command.slice(at, at + 2))) break;
		if (NOT_PLAIN.has(char)) return null;
		if (GLOB.has(char)) word.glob = true;
		word.text += char;
		at += 1;
	}
	return { word, end: at };
};

/** An assignment before a command can change what the command is. */
const isCommand = ([name]: PlainCommand): boolean =>
	name !== undefined && name.text !== '' && !name.glob && !name.text.includes('=');

/** The commands that it is made of, each in plain words; null when there is more to it than that. */
export const plainCommands = (command: string): PlainCommand[] | null => {
	const text = command.trim();
	if (text === '' || text.length > READABLE_MAX_CHARS || HIDDEN.test(text)) return null;
	const commands: PlainCommand[] = [[]];
	let at = 0;
	while (at < text.length) {
		const rest = text.slice(at);
		const skipped = /^[ \t]+/.exec(rest) ?? HARMLESS_REDIRECTION.exec(rest);
		const joined = skipped ? null : JOIN.exec(rest);
		if (joined) commands.push([]);
		const passed = skipped ?? joined;
		if (passed) {
			at += passed[0].length;
			continue;
		}
		const read = readWord(text, at);
		if (!read) return null;
		commands.at(-1)?.push(read.word);
		at = read.end;
	}
	return commands.every(isCommand) ? commands : null;
};
