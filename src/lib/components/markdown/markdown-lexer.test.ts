import { describe, expect, it } from 'vitest';
import { MarkdownLexer, type BlockToken } from './markdown-lexer.ts';
import { decodeEntities } from './html-entities.ts';
import { safeHref } from './safe-link.ts';

const document = `# Title

Some *text* with \`code\` and a [link](https://example.com).

Setext
======

- one
- two

  still two

- three

1. a
   - nested
2. b

> quoted
continued

| a | b |
|---|---|
| 1 | 2 |

\`\`\`ts
const x = 1;

const y = 2;
\`\`\`

    indented

---

<div onclick="x">html</div>

Last one
with two lines
`;

const shape = (tokens: BlockToken[]): string[] =>
	tokens
		.filter((token) => token.type !== 'space')
		.map((token) => `${token.type} ${token.raw.trim()}`);

describe('a text that grows', () => {
	it.each([1, 2, 7, 40])('reads the same in pieces of %i as at once', (size) => {
		const growing = new MarkdownLexer();
		for (let end = size; end < document.length + size; end += size) {
			const text = document.slice(0, end);
			expect(shape(growing.lex(text, true))).toEqual(shape(new MarkdownLexer().lex(text, false)));
		}
		expect(shape(growing.lex(document, false))).toEqual(
			shape(new MarkdownLexer().lex(document, false))
		);
	});

	it('keeps the tokens that can’t change any more', () => {
		const lexer = new MarkdownLexer();
		const before = lexer.lex(document, true);
		const after = lexer.lex(`${document}more`, true);
		expect(after[0]).toBe(before[0]);
		expect(after.filter((token) => before.includes(token)).length).toBeGreaterThan(8);
	});

	it('finds references that are defined at the end', () => {
		const lexer = new MarkdownLexer();
		const text = `See [it][1].\n\nA\n\nB\n\nC\n\n`;
		lexer.lex(text, true);
		const whole = lexer.lex(`${text}[1]: https://example.com\n`, false);
		expect(JSON.stringify(whole[0])).toContain('https://example.com');
	});

	it('starts over when the text is another one', () => {
		const lexer = new MarkdownLexer();
		lexer.lex('# One\n\ntwo\n\nthree', false);
		expect(shape(lexer.lex('Other', false))).toEqual(['paragraph Other']);
	});
});

describe('hostile texts', () => {
	it.each([
		['quotes', '>'.repeat(20_000)],
		['lists', '- '.repeat(9_000)],
		['brackets', '['.repeat(19_000)],
		['stars', '*a '.repeat(6_000)],
		['emphasis', '**_'.repeat(6_000)],
		['backticks', '`'.repeat(19_000)],
		['links', '[a]('.repeat(4_500)],
		['images', '![a]('.repeat(3_500)],
		['html', '<a '.repeat(6_000)],
		['comments', '<!--'.repeat(4_500)],
		['tables', `${'|'.repeat(5_000)}\n${'|-'.repeat(2_500)}\n`],
		['one long line', 'x'.repeat(2_000_000)],
		['many lines', 'a\n\n'.repeat(200_000)],
		['nested lists', Array.from({ length: 500 }, (_, n) => `${' '.repeat(n * 2)}- x`).join('\n')]
	])('%s neither throw nor take long', (_name, text) => {
		const from = performance.now();
		const tokens = new MarkdownLexer().lex(text, false);
		expect(tokens.map((token) => token.raw).join('')).toHaveLength(text.length);
		expect(performance.now() - from).toBeLessThan(4_000);
	});
});

describe('links', () => {
	it.each([
		['https://example.com/a?b#c', 'https://example.com/a?b#c'],
		['http://127.0.0.1:3000', 'http://127.0.0.1:3000/'],
		['mailto:me@example.com', 'mailto:me@example.com'],
		['javascript:alert(1)', null],
		['JaVaScRiPt:alert(1)', null],
		['java\nscript:alert(1)', null],
		[' \u0001javascript:alert(1)', null],
		['data:text/html,<script>', null],
		['vbscript:x', null],
		['blob:https://example.com/x', null],
		['file:///etc/passwd', null],
		['//example.com', null],
		['/relative', null],
		['#anchor', null],
		['', null]
	])('%j', (href, expected) => expect(safeHref(href)).toBe(expected));
});

describe('character references', () => {
	it.each([
		['a &amp; b &lt;c&gt; &quot;d&quot;', 'a & b <c> "d"'],
		['&#8594; &#x2192;', '→ →'],
		['&#0; &#x1b; &#x202e; &#x110000; &#xd800;', '&#0; &#x1b; &#x202e; &#x110000; &#xd800;'],
		['&unknown; &constructor;', '&unknown; &constructor;']
	])('%s', (text, expected) => expect(decodeEntities(text)).toBe(expected));
});
