/**
 * Markdown to tokens, again and again while a text grows: what is surely finished is kept, only its
 * end is read anew. The tokens are drawn by components of our own; no HTML is ever made of them.
 */
import { Lexer, type Token, type TokensList } from 'marked';

/** Text that is shown as it is: too long, or the lexer could not read it. */
export interface PlainToken {
	type: 'plain';
	raw: string;
}

export type BlockToken = Token | PlainToken;

/** Beyond this a text is no longer prose; the rest is shown as it is. */
const MAX_LENGTH = 200_000;
/** One line of markup longer than this could take the lexer very long. */
const MAX_LINE = 20_000;
/** Blocks at the end that later text may still change: a paragraph becomes a heading by `---`. */
const UNSTABLE_BLOCKS = 2;

const definition = /^ {0,3}\[[^\]\n]+\]:/m;

/** A line that was broken stays broken, as everywhere where people and models chat. */
const lexAll = (text: string): BlockToken[] => {
	try {
		return new Lexer({ gfm: true, breaks: true }).lex(text) as TokensList;
	} catch {
		// The lexer recurses; a hostile nesting can exhaust the stack.
		return [{ type: 'plain', raw: text }];
	}
};

const hasLongLine = (text: string): boolean => {
	for (let from = 0; from < text.length;) {
		const end = text.indexOf('\n', from);
		if ((end < 0 ? text.length : end) - from > MAX_LINE) return true;
		if (end < 0) return false;
		from = end + 1;
	}
	return false;
};

const lexSafely = (text: string): BlockToken[] => {
	if (hasLongLine(text)) return [{ type: 'plain', raw: text }];
	if (text.length <= MAX_LENGTH) return lexAll(text);
	const cut = text.lastIndexOf('\n', MAX_LENGTH) + 1 || MAX_LENGTH;
	return [...lexAll(text.slice(0, cut)), { type: 'plain', raw: text.slice(cut) }];
};

export class MarkdownLexer {
	#text = '';
	#tokens: BlockToken[] = [];

	/** The tokens of the text; those that did not change since the last call are the same objects. */
	lex(text: string, streaming: boolean): BlockToken[] {
		const goesOn = this.#tokens.length > 0 && text.startsWith(this.#text);
		const stable = goesOn ? this.#stableTokens() : [];
		// A reference may be defined after its use, and the kept blocks don't know of it.
		const restart = !goesOn || (!streaming && definition.test(text));
		if (goesOn && text === this.#text && (streaming || !definition.test(text))) return this.#tokens;
		const from = restart ? 0 : stable.reduce((sum, token) => sum + token.raw.length, 0);
		this.#tokens = restart ? lexSafely(text) : [...stable, ...lexSafely(text.slice(from))];
		this.#text = text;
		return this.#tokens;
	}

	#stableTokens(): BlockToken[] {
		let seen = 0;
		let end = this.#tokens.length;
		while (end > 0 && seen < UNSTABLE_BLOCKS) {
			end -= 1;
			if (this.#tokens[end]?.type !== 'space') seen += 1;
		}
		return this.#tokens.slice(0, end);
	}
}
