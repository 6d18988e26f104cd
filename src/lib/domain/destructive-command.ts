/**
 * Commands that are hard to take back: a person is asked twice. A guard against haste, not against a clever
 * agent: whoever wants to hide a deletion can, and the sandbox's wall is what stops it then.
 */
const DESTRUCTIVE: readonly (readonly [pattern: RegExp, words: string])[] = [
	[/\brm\s+(?:\S+\s+)*-{1,2}(?:[a-z]*[rf]|recursive\b|force\b)/i, 'deletes files for good'],
	[/\bfind\b.*\s-delete\b/, 'deletes files for good'],
	[
		/\bgit\b.*\bpush\b.*(?:\s-{1,2}(?:f\b|force|delete\b|mirror\b)|\s\+\S)/,
		'overwrites a branch on the server'
	],
	[/\bgit\b.*\breset\b.*--hard\b/, 'throws away changes'],
	[/\bgit\b.*\bclean\b.*\s-[a-z]*f/i, 'deletes files that git does not know'],
	[/\bgit\b.*\b(?:checkout|restore)\b.*\s(?:--\s+)?\.(?:\s|$)/, 'throws away changes'],
	[/\bgit\b.*\bbranch\b.*\s-D\b/, 'deletes a branch'],
	[/\b(?:mkfs(?:\.\w+)?|shred|wipefs)\b/, 'overwrites a disk or a file'],
	[/\bdd\b.*\bof=/, 'overwrites a disk or a file'],
	[/\bdrop\s+(?:table|database|schema)\b/i, 'deletes data of a database'],
	[/\btruncate\s+table\b/i, 'deletes data of a database'],
	[/\bkubectl\b.*\bdelete\b/, 'deletes what runs in a cluster'],
	[/\bterraform\b.*\bdestroy\b/, 'takes down what terraform made'],
	[/\bch(?:mod|own)\s+(?:\S+\s+)*-[a-z]*R/, 'changes the rights of a whole folder']
];

const READABLE_MAX_CHARS = 4_000;

/** What the command does that can't be taken back, in words; null when none of it is known to. */
export const destructiveWords = (command: string): string | null => {
	// A backslash at a line's end goes on with the line, and any other line is a command of its own.
	const lines = command.replace(/\\\n/g, ' ').split('\n');
	for (const line of lines) {
		if (line.length > READABLE_MAX_CHARS) return 'is too long to be read at a glance';
		const known = DESTRUCTIVE.find(([pattern]) => pattern.test(line));
		if (known) return known[1];
	}
	return null;
};
