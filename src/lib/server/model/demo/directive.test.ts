import { expect, test } from 'vitest';
import { parseDirectives, type Directive } from './directive.ts';
import { demoReply } from './demo-reply.ts';

test.each<[string, Directive[]]>([
	['no directive here [demo: text]', []],
	['[[demo: text]]', [{ name: 'text', args: [] }]],
	[
		'please [[demo: text chunks=100 interval=10]] now',
		[
			{
				name: 'text',
				args: [
					['chunks', '100'],
					['interval', '10']
				]
			}
		]
	],
	['[[demo: text stamp]]', [{ name: 'text', args: [['stamp', '1']] }]],
	[
		'[[demo: status=429 retry-after=1]]',
		[
			{
				name: 'status',
				args: [
					['status', '429'],
					['retry-after', '1']
				]
			}
		]
	],
	[
		`[[demo: tools bash="echo \\"a b\\"\\n" bash='if [[ -f x ]]; then ls; fi']]`,
		[
			{
				name: 'tools',
				args: [
					['bash', 'echo "a b"\n'],
					['bash', 'if [[ -f x ]]; then ls; fi']
				]
			}
		]
	],
	[
		'[[demo: write path=a[1].txt content=hello]] [[demo: commit message="Add a"]]',
		[
			{
				name: 'write',
				args: [
					['path', 'a[1].txt'],
					['content', 'hello']
				]
			},
			{ name: 'commit', args: [['message', 'Add a']] }
		]
	],
	['[[demo: text text="\\ud83d\\0\\t\\\\"]]', [{ name: 'text', args: [['text', '\ud83d\0\t\\']] }]],
	['[[demo: text text="never closed', [{ name: 'text', args: [['text', 'never closed']] }]],
	['[[demo: text text=', [{ name: 'text', args: [['text', '']] }]],
	['[[demo:', []],
	['[[demo: ]]', []]
])('%s', (prompt, expected) => {
	expect(parseDirectives(prompt)).toEqual(expected);
});

test('garbage of any length is read in no time', () => {
	expect(parseDirectives('[[demo: text a='.repeat(20_000)).length).toBeGreaterThan(0);
	expect(parseDirectives(`[[demo: ${'a'.repeat(1_000_000)}`)).toHaveLength(1);
});

const blocksFor = (prompt: string): string =>
	JSON.stringify(
		demoReply({ model: 'm', messages: [{ role: 'user', content: prompt }] }).blocks.map((block) =>
			block.kind === 'tool' ? block : [...block.chunks(() => 1)].slice(0, 3).join('')
		)
	);

test.each([
	'text',
	'burst',
	'tokens',
	'blocks',
	'thinking',
	'huge',
	'unicode',
	'markdown',
	'stop',
	'status=500',
	'hang',
	'cut',
	'malformed',
	'sse-error',
	'tools bash=ls',
	'parallel bash=ls',
	'read',
	'write',
	'edit',
	'commit',
	'ask',
	'plan',
	'agent',
	'tool name=Bash',
	'loop',
	'sleep'
])('[[demo: %s]] is known', (directive) => {
	expect(blocksFor(`[[demo: ${directive}]]`)).not.toContain('knows no directive');
});

test('a directive that is not known is answered with the known ones', () => {
	expect(blocksFor('[[demo: dance]]')).toMatch(/no/);
	const all = demoReply({ model: 'm', messages: [{ role: 'user', content: '[[demo: dance]]' }] });
	const [block] = all.blocks;
	const words = block?.kind === 'text' ? [...block.chunks(() => 0)].join('') : '';
	expect(words).toContain('knows no directive "dance"');
	expect(words).toContain('burst');
	expect(words).toContain('parallel');
});
