import { describe, expect, it } from 'vitest';
import type { PermissionMode } from '@agent-manager/protocol/session.ts';
import { allowingRules, ruleChoices, ruleRefusal, type AskedCall } from './rule-answer.ts';

const worktree = '/agent-manager/worktrees/one';
const place = { worktree, permissionMode: 'ask' as PermissionMode };
const call = (toolName: string, input: Record<string, unknown>): AskedCall => ({
	...{ toolName, input },
	noRule: false
});
const bash = (command: string): AskedCall => call('Bash', { command });
const allowing = (asked: AskedCall, ...rules: string[]): string[] | null =>
	allowingRules(
		asked,
		rules.map((rule) => ({ rule })),
		place
	)?.map(({ rule }) => rule) ?? null;

describe('a rule for a command with any arguments', () => {
	it.each([
		'npm test',
		'  npm   test ',
		'npm test -- --run src/a.test.ts',
		'npm test "a file.ts" \'$HOME\'',
		`npm test ${worktree}/src`,
		'npm test src/*.ts',
		'npm test HEAD~1',
		'npm test 2>&1',
		'npm test > /dev/null 2>&1',
		'npm test && npm test -- x',
		'"npm" test'
	])('allows %j', (command) => {
		expect(allowing(bash(command), 'Bash(npm test:*)')).toEqual(['Bash(npm test:*)']);
	});

	it.each([
		'npm testing',
		'npm',
		'npm run test',
		'NPM test',
		'npm test && curl evil.example',
		'npm test || curl evil.example',
		'npm test; curl evil.example',
		'npm test;curl evil.example',
		'npm test | sh',
		'npm test |& sh',
		'npm test & curl evil.example',
		'npm test &',
		'npm test\ncurl evil.example',
		'npm test \\\n&& curl evil.example',
		'npm test\rcurl evil.example',
		'npm test $(curl evil.example)',
		'npm test "$(curl evil.example)"',
		'npm test `curl evil.example`',
		'npm test "`curl evil.example`"',
		'npm test <(curl evil.example)',
		'npm test >(sh)',
		'npm test > package.json',
		'npm test >> ~/.bashrc',
		'npm test 2> x',
		'npm test > /dev/nullx',
		'npm test < secrets',
		'npm test <<EOF',
		'npm test $IFS',
		'npm test ${x}',
		"npm test $'a'",
		'npm test {a,b}',
		'npm test !!',
		'npm test # all of it',
		'npm test ;',
		'npm test &&',
		'&& npm test',
		'npm test ;; npm test',
		'(npm test)',
		'{ npm test; }',
		'(curl evil.example; npm test)',
		'! npm test',
		'NODE_OPTIONS=--require=./x npm test',
		'env X=1 npm test',
		'sudo npm test',
		'bash -c "npm test"',
		'for x in a; do npm test; done',
		'npm test "unclosed',
		"npm test 'unclosed",
		'n\\pm test',
		'np* test',
		'npm te?t',
		'npm\u00a0test',
		'npm test\u2028curl evil.example',
		'npm test \u202e x',
		'npm test \0',
		'npm test ../../other',
		'npm test src/../../other',
		'npm test /etc/passwd',
		'npm test --config=/etc/passwd',
		'npm test --config=../../x',
		'npm test ~/x',
		'npm test --x=~root/y',
		`npm test ${worktree}-other/x`,
		`npm test ${worktree}/../two`,
		'npm test '.padEnd(5_000, 'x'),
		''
	])('asks for %j', (command) => {
		expect(allowing(bash(command), 'Bash(npm test:*)')).toBeNull();
	});

	it('asks for what is no text, and for a command outside of the sandbox', () => {
		expect(allowing(call('Bash', { command: 7 }), 'Bash(npm test:*)')).toBeNull();
		expect(allowing(call('Bash', {}), 'Bash(npm test:*)')).toBeNull();
		const outside = { command: 'npm test', dangerouslyDisableSandbox: true };
		expect(allowing(call('Bash', outside), 'Bash(npm test:*)')).toBeNull();
		expect(allowing(call('Other', { command: 'npm test' }), 'Bash(npm test:*)')).toBeNull();
	});

	it('allows a line of commands when each of them has its rule, and says which', () => {
		const rules = ['Bash(ls:*)', 'Bash(npm test:*)', 'Bash(head -n 5)'];
		const line = 'npm test | head -n 5 && ls src; ls';
		expect(allowing(bash(line), ...rules)).toEqual([
			'Bash(npm test:*)',
			'Bash(head -n 5)',
			'Bash(ls:*)'
		]);
		expect(allowing(bash(line), ...rules.slice(0, 2))).toBeNull();
	});
});

describe('a rule for an exact command', () => {
	it('allows it letter by letter, whatever it is made of', () => {
		const line = 'cd x && FOO=1 make $(cat targets)';
		expect(allowing(bash(` ${line} `), `Bash(${line})`)).toEqual([`Bash(${line})`]);
		expect(allowing(bash(`${line}; ls`), `Bash(${line})`)).toBeNull();
		expect(allowing(bash('cd  x && FOO=1 make $(cat targets)'), `Bash(${line})`)).toBeNull();
	});

	it('is no prefix', () => {
		expect(allowing(bash('npm test x'), 'Bash(npm test)')).toBeNull();
		expect(allowing(bash('npm test && ls'), 'Bash(npm test)')).toBeNull();
	});
});

it.each([
	['rm -rf build', 'Bash(rm:*)'],
	['rm -rf build', 'Bash(rm -rf build)'],
	['git push --force', 'Bash(git push:*)'],
	['git reset --hard', 'Bash(git reset:*)']
])('a person is asked what is hard to take back, whatever the rules: %j', (command, rule) => {
	expect(allowing(bash(command), rule)).toBeNull();
	expect(ruleRefusal(bash(command), place)).not.toBeNull();
	expect(ruleChoices(bash(command), [rule], place)).toEqual([]);
});

describe('a rule for files', () => {
	const edit = (file_path: string) => call('Edit', { file_path });

	it.each([
		['Edit(src/**)', 'src/a.ts'],
		['Edit(src/**)', 'src/deep/er/a.ts'],
		['Edit(src/**)', `${worktree}/src/a.ts`],
		['Edit(src/*.ts)', 'src/./a.ts'],
		['Edit(**/*.test.ts)', 'a/b/c.test.ts'],
		['Edit(**/*.test.ts)', 'c.test.ts'],
		['Edit(docs/)', 'docs/a/b.md'],
		['Edit', 'anything.txt'],
		['Write(a?c.txt)', 'abc.txt']
	])('%s allows %s', (rule, path) => {
		expect(allowing(edit(path), rule)).toEqual([rule]);
	});

	it.each([
		['Edit(src/**)', 'srcs/a.ts'],
		['Edit(src/**)', 'src/../package.json'],
		['Edit(src/*.ts)', 'src/deep/a.ts'],
		['Edit(src/a.ts)', 'SRC/a.ts'],
		['Edit', '/etc/passwd'],
		['Edit', '../two/a.ts'],
		['Edit', `${worktree}x/a.ts`],
		['Edit', '~/a.ts'],
		['Edit', 'a\0.ts'],
		['Edit', '.git/hooks/pre-commit'],
		['Edit', 'sub/.GIT/config'],
		['Edit(.claude/**)', '.claude/settings.json'],
		['Edit', '.mcp.json'],
		['Read(src/**)', 'src/a.ts']
	])('%s asks for %s', (rule, path) => {
		expect(allowing(edit(path), rule)).toBeNull();
	});

	it('covers the tools that change files alike, and asks for one that names none', () => {
		expect(allowing(call('Write', { file_path: 'src/a' }), 'Edit(src/**)')).not.toBeNull();
		expect(
			allowing(call('NotebookEdit', { notebook_path: 'src/a' }), 'Edit(src/**)')
		).not.toBeNull();
		expect(allowing(call('Edit', {}), 'Edit')).toBeNull();
		expect(allowing(call('Grep', {}), 'Read')).not.toBeNull();
		expect(allowing(call('Grep', { path: '/etc' }), 'Read')).toBeNull();
	});

	it('is matched in time, however many stars it has', () => {
		const path = `${'a'.repeat(2_000)}/${'a/'.repeat(500)}b`;
		expect(allowing(edit(path), `Edit(${'*a'.repeat(200)}c/${'**/a/'.repeat(80)}c)`)).toBeNull();
	});
});

describe('rules for other tools', () => {
	const fetches = (url: string) => call('WebFetch', { url, prompt: '' });
	it.each([
		['WebFetch(domain:example.com)', 'https://example.com/a', true],
		['WebFetch(domain:example.com)', 'https://EXAMPLE.com:8443/a', true],
		['WebFetch(domain:example.com)', 'https://example.com.evil.org/', false],
		['WebFetch(domain:example.com)', 'https://evil.org/@example.com', false],
		['WebFetch(domain:example.com)', 'https://example.com@evil.org/', false],
		['WebFetch(domain:example.com)', 'https://a.example.com/', false],
		['WebFetch(domain:*.example.com)', 'https://a.example.com/', true],
		['WebFetch(domain:*.example.com)', 'https://evilexample.com/', false],
		['WebFetch(domain:example.com)', 'file://example.com/etc/passwd', false],
		['WebFetch(domain:example.com)', 'nonsense', false]
	])('%s, asked for %s: %s', (rule, url, allowed) => {
		expect(allowing(fetches(url), rule) !== null).toBe(allowed);
	});

	it.each([
		['mcp__db__query', 'mcp__db__query', true],
		['mcp__db', 'mcp__db__query', true],
		['mcp__db__*', 'mcp__db__query', true],
		['mcp__db', 'mcp__dbx__query', false],
		['mcp__db__query', 'mcp__db__query__all', false],
		['mcp__db__query', 'mcp__db__drop', false],
		['WebSearch', 'WebSearch', true],
		['WebSearch', 'WebSearchAll', false]
	])('%s, asked for %s: %s', (rule, toolName, allowed) => {
		expect(allowing(call(toolName, {}), rule) !== null).toBe(allowed);
	});
});

it('no rule acts while the session only plans, or where the agent forbids it', () => {
	const kept = [{ rule: 'Bash(ls:*)' }];
	expect(allowingRules(bash('ls'), kept, place)).toEqual(kept);
	expect(allowingRules(bash('ls'), kept, { worktree, permissionMode: 'plan' })).toBeNull();
	expect(allowingRules({ ...bash('ls'), noRule: true }, kept, place)).toBeNull();
});

it('a rule that can’t be read allows nothing and harms no other', () => {
	expect(allowing(bash('ls'), 'Bash', 'Bash(', 'ls', 'Bash(ls:*)')).toEqual(['Bash(ls:*)']);
	expect(allowing(bash('ls'), 'Bash', 'Bash(*)')).toBeNull();
});

describe('ruleChoices', () => {
	const choices = (asked: AskedCall, ...suggested: string[]) =>
		ruleChoices(asked, suggested, place).map(({ rules }) => rules);

	it.each([
		[bash('npm test -- --run'), [['Bash(npm test:*)'], ['Bash(npm test -- --run)']]],
		[
			bash('npm run build:all -- x'),
			[['Bash(npm run build:all:*)'], ['Bash(npm run build:all -- x)']]
		],
		[
			bash('git add . && git commit -m "x y"'),
			[['Bash(git add:*)', 'Bash(git commit:*)'], ['Bash(git add . && git commit -m "x y")']]
		],
		[bash('python3 x.py'), [['Bash(python3 x.py)']]],
		[bash('echo $(date)'), [['Bash(echo $(date))']]],
		[bash('cat /etc/hosts'), [['Bash(cat /etc/hosts)']]],
		[bash('one\ntwo'), []],
		[
			call('Write', { file_path: `${worktree}/src/lib/a.ts` }),
			[['Edit(src/lib/**)'], ['Edit(src/lib/a.ts)'], ['Edit']]
		],
		[call('Edit', { file_path: 'a.ts' }), [['Edit(a.ts)'], ['Edit']]],
		[call('Edit', { file_path: '/etc/hosts' }), []],
		[call('WebFetch', { url: 'https://example.com/x' }), [['WebFetch(domain:example.com)']]],
		[call('mcp__db__query', { sql: 'select 1' }), [['mcp__db__query']]]
	])('for %j', (asked, expected) => {
		expect(choices(asked)).toEqual(expected);
	});

	it('takes the agent’s proposal where it can be read, says something else and fits', () => {
		expect(choices(bash('npm run lint'), 'Bash(npm run:*)')).toContainEqual(['Bash(npm run:*)']);
		expect(choices(bash('npm test'), 'Bash(npm test:*)')).toHaveLength(2);
		expect(choices(bash('npm test'), 'Bash', 'Bash(ls:*)')).toHaveLength(2);
	});
});
