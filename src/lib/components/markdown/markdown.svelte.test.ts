/** Markdown from a model in a real browser: nothing runs, nothing is fetched, nothing can be sent. */
import { beforeEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { cleanText } from '#lib/domain/clean-text.ts';
import Markdown from './markdown.svelte';

const FOREIGN = 'https://foreign.invalid';

const hostile = `# Title <img src=x onerror="window.pwned = 1">

![pixel](${FOREIGN}/pixel.png?leak=1) ![data](data:image/svg+xml,<svg onload=window.pwned=1>)
![by reference][pixel] [script](javascript:window.pwned=1) [vb](vbscript:x) [rel](/api/sessions)

[pixel]: ${FOREIGN}/reference.png

<script>window.pwned = 1</script>
<style>@import url(${FOREIGN}/a.css); body { background: url(${FOREIGN}/b.png) }</style>
<form action="${FOREIGN}/post" method="post"><input name=a value=b><button>Approve</button></form>
<iframe src="${FOREIGN}"></iframe><video src="${FOREIGN}/v.mp4"></video>
<svg><image href="${FOREIGN}/c.png"/><a xlink:href="javascript:window.pwned=1">x</a></svg>
<math><maction actiontype="statusline" xlink:href="javascript:window.pwned=1">x</maction></math>
<link rel=stylesheet href="${FOREIGN}/d.css"><base href="${FOREIGN}"><meta http-equiv=refresh content="0;url=${FOREIGN}">
<a href="javascript:window.pwned=1" onclick="window.pwned=1">click</a> <${FOREIGN}/auto>

| <img src=${FOREIGN}/t.png> | b |
|---|---|
| [x](javascript:window.pwned=1) | ![y](${FOREIGN}/y.png) |

- <b onmouseover=window.pwned=1>bold</b>
- [ ] task

\`\`\`html
<script>window.pwned = 1</script>
\`\`\`

\`\`\`mermaid
graph TD; A[<img src=${FOREIGN}/m.png>]
\`\`\`

&lt;script&gt; &#60;img src=x&#62; gnp.exe \u001b]8;;${FOREIGN}\u0007link
`;

const forbidden =
	'script,style,img,iframe,form,button[type=submit],input:not([type=checkbox]),video,audio,object,embed,link,base,meta,math,[onclick],[onerror],[onload],[onmouseover]';

const foreignRequests = (): string[] =>
	performance
		.getEntriesByType('resource')
		.map((entry) => entry.name)
		.filter((name) => name.startsWith(FOREIGN));

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

beforeEach(() => performance.clearResourceTimings());

describe('hostile markdown', () => {
	it('makes no element that runs, fetches or sends', async () => {
		const { container } = await render(Markdown, { text: cleanText(hostile) });
		await settled();
		const found = [...container.querySelectorAll(forbidden)].map((element) => element.outerHTML);
		expect(found).toEqual([]);
		expect(container.querySelector('svg:not(.lucide)')).toBeNull();
		expect((window as { pwned?: number }).pwned).toBeUndefined();
		expect(foreignRequests()).toEqual([]);
	});

	it('links only to pages and mail, without telling them where from', async () => {
		const { container } = await render(Markdown, { text: hostile });
		const links = [...container.querySelectorAll('a')];
		expect(links.length).toBeGreaterThan(2);
		for (const link of links) {
			expect(link.protocol).toMatch(/^(https?|mailto):$/);
			expect(link.target).toBe('_blank');
			expect(link.rel).toContain('noopener');
			expect(link.rel).toContain('noreferrer');
		}
	});

	it('shows markup as words', async () => {
		const { container } = await render(Markdown, { text: hostile });
		expect(container.textContent).toContain('<script>window.pwned = 1</script>');
		expect(container.textContent).toContain('<img src=x onerror=');
	});

	it('shows hostile nesting as text, soon', async () => {
		const from = performance.now();
		const { container } = await render(Markdown, {
			text: `${'>'.repeat(15_000)} deep\n\n${'*a **b '.repeat(2_000)}`
		});
		expect(container.textContent).toContain('deep');
		expect(performance.now() - from).toBeLessThan(8_000);
	});
});

describe('markdown', () => {
	it('draws what people write', async () => {
		const text = '## Done\n\n1. one\n2. `two`\n\n> said\n\n| a |\n|---|\n| **b** |\n\nx  \ny\nz';
		const { container } = await render(Markdown, { text });
		const has = (selector: string): boolean => container.querySelector(selector) !== null;
		expect(['h4', 'ol > li', 'code', 'blockquote', 'th', 'td strong', 'br'].every(has)).toBe(true);
	});

	it('keeps the element of a paragraph while later ones are written', async () => {
		const { container, rerender } = await render(Markdown, {
			text: 'One.\n\nTwo',
			streaming: true
		});
		const first = container.querySelector('p');
		await rerender({ text: 'One.\n\nTwo is longer.\n\n- and\n- a list', streaming: true });
		await rerender({ text: 'One.\n\nTwo is longer.\n\n- and\n- a list', streaming: false });
		expect(container.querySelector('p')).toBe(first);
		expect(container.querySelectorAll('li')).toHaveLength(2);
	});

	it('colours code once its language is loaded', async () => {
		const { container } = await render(Markdown, { text: '```ts\nconst a = "b";\n```' });
		await expect.poll(() => container.querySelector('.token-keyword')?.textContent).toBe('const');
		expect(container.querySelector('code')?.textContent).toBe('const a = "b";');
	});
});
