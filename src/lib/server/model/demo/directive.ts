/**
 * Test scenarios of the demo model, ordered by a directive inside the prompt. Several directives
 * run one after the other; values may be bare, "double quoted" (\n \t \" \\ \0 \uXXXX) or
 * 'single quoted' (nothing escaped). A name that is not in the table is answered with the table's
 * names.
 *
 * | directive | what the model does |
 * | --- | --- |
 * | `[[demo: text chunks=20 interval=10 size=40 stamp=1]]` | text in numbered chunks, one each `interval` ms; `stamp`: each carries `t=<epoch ms>` of its sending |
 * | `[[demo: text text="hello"]]` | exactly this text |
 * | `[[demo: burst deltas=2000 size=40]]` | numbered, stamped chunks, flat out |
 * | `[[demo: tokens n=500 rate=100]]` | prose of n tokens at rate tokens a second |
 * | `[[demo: blocks count=2]]` | several text blocks in one message |
 * | `[[demo: thinking chunks=10 interval=20]]` | a thinking block before what follows |
 * | `[[demo: tools bash="echo hi" bash="ls"]]` | runs the commands, one message each |
 * | `[[demo: parallel bash="echo a" bash="echo b"]]` | the same in one message |
 * | `[[demo: read path=a.txt]]` · `[[demo: write path=a.txt content=hello]]` | reads, writes a file |
 * | `[[demo: edit path=a.txt old=hello new=bye]]` | reads, then edits a file |
 * | `[[demo: commit message="Add a"]]` | stages everything and commits |
 * | `[[demo: ask question="Which?" options="A\|B"]]` | AskUserQuestion, then repeats the answer |
 * | `[[demo: plan]]` | ExitPlanMode with a small plan (loads the tool first if it is deferred) |
 * | `[[demo: agent prompt="Explain this repo"]]` | a sub-agent with this prompt |
 * | `[[demo: orchestrate prompt="Do this" prompt="Do that" timeout=60]]` | as an orchestrator: starts a session for each prompt and waits for all; woken, it answers questions and reports |
 * | `[[demo: tool name=Foo input="{}"]]` | calls any tool with any JSON input |
 * | `[[demo: loop command="date" times=0]]` | the same command again and again; 0: for ever |
 * | `[[demo: sleep seconds=60]]` | a long command, for interrupts |
 * | `[[demo: status=429 retry-after=1 times=1]]` | an API error; `message=`, `type=`; 400 without message: credit too low |
 * | `[[demo: hang after=0]]` | says `after` chunks, then nothing more |
 * | `[[demo: cut after=3]]` · `[[demo: malformed after=3]]` · `[[demo: sse-error after=3]]` | breaks the stream: connection cut, broken JSON, `overloaded_error` event |
 * | `[[demo: huge kb=1024]]` | one long text, flat out |
 * | `[[demo: unicode]]` · `[[demo: markdown]]` | torture texts |
 * | `[[demo: stop reason=max_tokens]]` | text that ends with this stop reason |
 *
 * Everywhere: `first=<ms>` before the first chunk. Faults (`status` to `sse-error`): `times=<n>` how
 * often in a row before the same request succeeds (0: always); default 0 for `status`, else 1.
 */
export interface Directive {
	name: string;
	/** In order; a key may come twice. */
	args: [key: string, value: string][];
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

/** Reads one value at `at`; `end` is the index after it. */
function readValue(text: string, at: number): { value: string; end: number } {
	const quote = text[at];
	if (quote === "'") {
		const end = text.indexOf("'", at + 1);
		return end < 0
			? { value: text.slice(at + 1), end: text.length }
			: { value: text.slice(at + 1, end), end: end + 1 };
	}
	if (quote !== '"') {
		const bare = /[^\s\]]*(?:\](?!\])[^\s\]]*)*/y;
		bare.lastIndex = at;
		const value = bare.exec(text)?.[0] ?? '';
		return { value, end: at + value.length };
	}
	let value = '';
	let index = at + 1;
	while (index < text.length && text[index] !== '"') {
		const char = text[index]!;
		if (char !== '\\') {
			value += char;
			index += 1;
			continue;
		}
		const escaped = text[index + 1] ?? '';
		const hex = /^[0-9a-fA-F]{4}/.exec(text.slice(index + 2, index + 6))?.[0];
		if (escaped === 'u' && hex) {
			value += String.fromCharCode(Number.parseInt(hex, 16));
			index += 6;
			continue;
		}
		value += ESCAPES[escaped] ?? escaped;
		index += 2;
	}
	return { value, end: index + 1 };
}

/** Every directive of the prompt, in order. Never throws: what can't be read is skipped. */
export function parseDirectives(prompt: string): Directive[] {
	const directives: Directive[] = [];
	const opener = /\[\[demo:\s*([a-z][a-z-]*)/g;
	for (let match = opener.exec(prompt); match; match = opener.exec(prompt)) {
		const directive: Directive = { name: match[1]!, args: [] };
		let at = opener.lastIndex;
		if (prompt[at] === '=') {
			const { value, end } = readValue(prompt, at + 1);
			directive.args.push([directive.name, value]);
			at = end;
		}
		const key = /\s*([a-z][a-z-]*)(=?)/y;
		for (key.lastIndex = at; ; key.lastIndex = at) {
			const found = key.exec(prompt);
			if (!found) break;
			at = key.lastIndex;
			if (found[2] === '') {
				directive.args.push([found[1]!, '1']);
				continue;
			}
			const { value, end } = readValue(prompt, at);
			directive.args.push([found[1]!, value]);
			at = end;
		}
		opener.lastIndex = at;
		directives.push(directive);
	}
	return directives;
}

/** The last value of a key. */
export const textArg = (directive: Directive, key: string, fallback: string): string =>
	directive.args.findLast(([name]) => name === key)?.[1] ?? fallback;

/** The last value of a key as a number, held between 0 and `max`. */
export function numberArg(
	directive: Directive,
	key: string,
	fallback: number,
	max = 1_000_000
): number {
	const value = Number(textArg(directive, key, String(fallback)));
	return Number.isFinite(value) ? Math.min(Math.max(value, 0), max) : fallback;
}

/** All values of a key, in order. */
export const allArgs = (directive: Directive, key: string): string[] =>
	directive.args.filter(([name]) => name === key).map(([, value]) => value);
