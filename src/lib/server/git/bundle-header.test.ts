import { describe, expect, it } from 'vitest';
import { parseIncoming } from './bundle-header.ts';

const tip = 'a'.repeat(40);
const ref = 'refs/heads/agent/x';
const parse = (text: string) =>
	parseIncoming(Buffer.from(text, 'utf8'), Buffer.byteLength(text), ref);
const bundle = (...lines: string[]) => `${lines.join('\n')}\n\nPACKdata`;

describe('parseIncoming', () => {
	it('reads a bundle of the one ref', () => {
		const text = bundle('# v2 git bundle', `-${'b'.repeat(40)} a subject \u00fc`, `${tip} ${ref}`);
		expect(parse(text)).toEqual({
			kind: 'bundle',
			tip,
			packOffset: Buffer.from(text, 'utf8').indexOf('PACK')
		});
		const v3 = bundle('# v3 git bundle', '@object-format=sha1', `${tip} ${ref}`);
		expect(parse(v3)).toMatchObject({ kind: 'bundle', tip });
	});

	it('reads why there is none', () => {
		expect(parse(`unchanged ${tip}\n`)).toEqual({ kind: 'unchanged' });
		expect(parse('missing\n')).toEqual({ kind: 'missing' });
		expect(parse(`known ${tip}\n`)).toEqual({ kind: 'known', tip });
	});

	it.each([
		'',
		'\n',
		'garbage',
		'unchanged\n',
		`known ${tip} x\n`,
		`known ${tip.toUpperCase()}\n`,
		`known --upload-pack=x\n`,
		`known ${tip}\nknown ${tip}\n`,
		`x${' '.repeat(300)}`,
		bundle('# v1 git bundle', `${tip} ${ref}`),
		bundle('# v2 git bundle'),
		bundle('# v2 git bundle', `${tip} refs/heads/main`),
		bundle('# v2 git bundle', `${tip} ${ref}`, `${tip} refs/heads/main`),
		bundle('# v2 git bundle', `${tip} ${ref}`, `${tip} ${ref}`),
		bundle('# v2 git bundle', `${tip} ${ref}/../../main`),
		bundle('# v2 git bundle', `${tip.slice(1)} ${ref}`),
		bundle('# v2 git bundle', `--upload-pack=x ${ref}`),
		bundle('# v3 git bundle', '@filter=blob:none', `${tip} ${ref}`),
		bundle('# v2 git bundle', '@object-format=sha1', `${tip} ${ref}`),
		`# v2 git bundle\n${tip} ${ref}\n\nNOPE`,
		`# v2 git bundle\n${tip} ${ref}\n`
	])('refuses %j', (text) => {
		expect(parse(text)).toBeNull();
	});
});
