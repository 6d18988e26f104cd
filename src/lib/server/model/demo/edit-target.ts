/** Which file the edit story changes and how: decided from the prompt and the list of files. */

/** What the person named, if anything. */
export interface EditTarget {
	path: string;
	exists: boolean;
}

const PATH =
	/(?:^|[\s"'`“(])((?:[\w.-]+\/)*[\w-][\w.-]*\.[a-z][a-z0-9]{0,7})(?=$|[\s"'`”),.:;!?])/gi;

const SOURCE = /\.(ts|js|mjs|cjs|tsx|jsx|svelte|py|go|rs|rb|java|c|h|cpp|sh)$/;

const COMMENTS: Record<string, [open: string, close: string]> = {
	py: ['# ', ''],
	rb: ['# ', ''],
	sh: ['# ', ''],
	yml: ['# ', ''],
	yaml: ['# ', ''],
	toml: ['# ', ''],
	md: ['', ''],
	txt: ['', ''],
	html: ['<!-- ', ' -->'],
	svelte: ['<!-- ', ' -->'],
	xml: ['<!-- ', ' -->'],
	css: ['/* ', ' */'],
	ts: ['// ', ''],
	tsx: ['// ', ''],
	js: ['// ', ''],
	mjs: ['// ', ''],
	cjs: ['// ', ''],
	jsx: ['// ', ''],
	go: ['// ', ''],
	rs: ['// ', ''],
	java: ['// ', ''],
	c: ['// ', ''],
	h: ['// ', ''],
	cpp: ['// ', '']
};

const extensionOf = (path: string): string =>
	/\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';

/** Paths the prompt names, without those that leave the repo. */
export const pathsIn = (prompt: string): string[] =>
	[...prompt.matchAll(PATH)]
		.map((match) => match[1]!)
		.filter((path) => !path.split('/').includes('..') && !/^(e\.g|i\.e)$/i.test(path));

export function chooseTarget(prompt: string, files: string[]): EditTarget {
	const named = pathsIn(prompt);
	const known = named.find((path) => files.includes(path));
	if (known) return { path: known, exists: true };
	const byName = files.find((file) => named.some((path) => file.endsWith(`/${path}`)));
	if (byName) return { path: byName, exists: true };
	if (named[0] && extensionOf(named[0]) in COMMENTS) return { path: named[0], exists: false };
	const readme = files.find((file) => /^readme\.md$/i.test(file));
	if (/\b(readme|docs?|documentation)\b/i.test(prompt) && readme)
		return { path: readme, exists: true };
	if (/\b(fix|bug|error|crash|broken|fails?|refactor)\b/i.test(prompt)) {
		const source = files.find(
			(file) => SOURCE.test(file) && !/test|spec|config|\.d\.ts$/.test(file)
		);
		if (source) return { path: source, exists: true };
	}
	const fallback = /\btests?\b/i.test(prompt) ? 'TESTING.md' : 'NOTES.md';
	return { path: fallback, exists: files.includes(fallback) };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 200);

const LITERAL =
	/\b(?:with(?: the)? (?:content|text|line|words?)|saying|that says|containing)\s*:?\s*(?:["“'`]([^"”'`]+)["”'`]|([^\n]+))/i;

/** The text a person asked to put in, as in `with content "…"`, or `saying …` up to the line's end. */
function literalOf(prompt: string): string | null {
	const match = LITERAL.exec(prompt);
	return match?.[1] ?? match?.[2]?.trim() ?? null;
}

/** The whole content of a new file. */
export function newContent(path: string, prompt: string): string {
	const literal = literalOf(prompt);
	if (literal !== null) return `${literal}\n`;
	const wish = oneLine(prompt);
	const extension = extensionOf(path);
	if (extension === 'md') {
		const title = path.replace(/^.*\//, '').replace(/\.md$/i, '');
		return `# ${title === title.toUpperCase() ? title[0]! + title.slice(1).toLowerCase() : title}\n\n## Asked for\n\n- ${wish}\n\n## Next\n\n- [ ] Review this note\n- [ ] Decide what to build\n`;
	}
	if (extension === 'json') return `${JSON.stringify({ note: wish }, null, 2)}\n`;
	const [open, close] = COMMENTS[extension] ?? ['', ''];
	return `${open}${wish}${close}\n`;
}

/**
 * An edit that adds a line, as `old` and `new` strings for the Edit tool; null when no line of the
 * file is unique, so that the tool could not place it.
 */
export function additionTo(
	path: string,
	lines: string[],
	prompt: string
): { old: string; new: string } | null {
	const extension = extensionOf(path);
	const [open, close] = COMMENTS[extension] ?? ['# ', ''];
	const counts = new Map<string, number>();
	const whole = lines.join('\n');
	for (const line of lines) if (line.trim() !== '') counts.set(line, whole.split(line).length - 1);
	const unique = [...counts].flatMap(([line, count]) => (count === 1 ? [line] : []));
	const wish = literalOf(prompt) ?? oneLine(prompt);
	if (extension === 'md' || extension === 'txt') {
		const last = unique.at(-1);
		if (last === undefined) return null;
		const heading = extension === 'md' ? '\n\n## Note\n\n' : '\n\n';
		return { old: last, new: `${last}${heading}${wish}` };
	}
	const first = unique.find((line) => !line.startsWith('#!'));
	if (first === undefined || extension === 'json') return null;
	const indent = /^\s*/.exec(first)?.[0] ?? '';
	return { old: first, new: `${indent}${open}Note: ${wish}${close}\n${first}` };
}
