/** Texts that break careless readers: used by the `unicode` and `markdown` directives. */

export const UNICODE_TEXT = [
	'plain ASCII',
	'NUL:\u0000:NUL',
	'lone high surrogate:\ud83d:',
	'lone low surrogate:\ude00:',
	'pair: 😀 family: 👨‍👩‍👧‍👦 flag: 🇨🇭',
	'combining: e\u0301 zalgo: Z\u0351\u036b\u0343\u036a\u0302',
	'bidi: \u202eevil.exe\u202c isolates: \u2066left\u2069',
	'zero width: a\u200bb\u200cc\u200dd\ufeffe',
	'right to left: שלום مرحبا',
	'controls: \u0001\u0007\u0008\u001b[31mred\u001b[0m\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007 \u009b2J',
	'line ends: a\rb\r\nc\u2028d\u2029e\u0085f',
	'wide: 日本語 ｆｕｌｌ'
].join('\n');

export const MARKDOWN_TEXT = `# Heading with \`code\`, **bold** and <b>html</b>

Open **bold that never ends and _emphasis

![image](https://evil.example/pixel.png?leak=1) ![data](data:image/svg+xml,<svg onload=alert(1)>)
![ref][pixel] [script](javascript:alert(1)) [vb](vbscript:x) <https://evil.example/auto>

[pixel]: https://evil.example/reference.png

<script>alert(1)</script><img src=x onerror=alert(1)><style>@import url(https://evil.example/a.css)</style>
<form action="/api/sessions/x/stop" method="post"><button>Approve</button></form>
<iframe src="https://evil.example"></iframe><svg><image href="https://evil.example/b.png"/></svg>

| a | b \\| c | d
|---|:---:|--:
| 1 | \`x | y\` | 3 | 4 |
| only one

1. one
   - nested
     - deeper
       > quote
       > \`\`\`js
       > const a = 1;
       > \`\`\`
2. two
7. seven

- [ ] open
- [x] done

\`\`\`\`markdown
\`\`\`ts
const inner: string = "fence in a fence";
\`\`\`
\`\`\`\`

\`\`\`no-such-language
<not html>
\`\`\`

$$\\int_0^1 x\\,dx$$ and a footnote[^1].

[^1]: The note.

***

\`\`\`diff
-old
+new
\`\`\`

Setext
======

A fence that is never closed:

\`\`\`python
def f():
    return "${'x'.repeat(300)}"
`;

const WORDS =
	'the agent reads each file of the branch and then writes a small change that a person can review ' +
	'while every event of the turn is kept in order so nothing is lost and nothing comes twice';

/** Words without end, the same ones each time. */
export function* prose(): Generator<string> {
	const words = WORDS.split(' ');
	for (let index = 0; ; index += 1) {
		yield `${words[index % words.length]!}${(index + 1) % 80 === 0 ? '\n\n' : ' '}`;
	}
}
