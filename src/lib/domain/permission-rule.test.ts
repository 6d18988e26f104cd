import { describe, expect, it } from 'vitest';
import { parseRule, ruleText, ruleWords } from './permission-rule.ts';

const kept = (text: string): string | null => {
	const parsed = parseRule(text);
	return parsed.ok ? ruleText(parsed.value) : null;
};

describe('parseRule', () => {
	it.each([
		[' Bash(npm test:*) ', 'Bash(npm test:*)'],
		['Bash(npm test *)', 'Bash(npm test:*)'],
		['Bash( npm   test :*)', 'Bash(npm test:*)'],
		['Bash("a b" c:*)', "Bash('a b' c:*)"],
		['Bash(make a && make b)', 'Bash(make a && make b)'],
		['Bash(echo (a))', 'Bash(echo (a))'],
		['Edit(./src//a.ts)', 'Edit(src/a.ts)'],
		['Edit(docs/)', 'Edit(docs/**)'],
		['Edit(**)', 'Edit'],
		['Write(src/**)', 'Edit(src/**)'],
		['Grep(src/**)', 'Read(src/**)'],
		['WebFetch(domain:Example.COM)', 'WebFetch(domain:example.com)'],
		['WebSearch', 'WebSearch'],
		['mcp__db__query', 'mcp__db__query'],
		['mcp__db__*', 'mcp__db']
	])('keeps %j as %j, and that as itself', (text, canonical) => {
		expect(kept(text)).toBe(canonical);
		expect(kept(canonical)).toBe(canonical);
	});

	it.each([
		['', /empty/],
		['npm test', /begins with a tool/],
		['bash(ls)', /begins with a tool/],
		['Bash(ls', /begins with a tool/],
		['Bash', /every command/],
		['Bash()', /every command/],
		['Bash(*)', /every command/],
		['Bash(:*)', /every command/],
		['Bash(git:*)', /what of git/],
		['Bash(git -c x=y:*)', /what of git/],
		['Bash(bash -c:*)', /any command/],
		['Bash(sudo npm:*)', /any command/],
		['Bash(xargs:*)', /any command/],
		['Bash(python3:*)', /any command/],
		['Bash(do:*)', /any command/],
		['Bash(a && b:*)', /one plain command/],
		['Bash(a | b:*)', /one plain command/],
		['Bash(FOO=1 a:*)', /one plain command/],
		['Bash($(a):*)', /one plain command/],
		['Bash(l*:*)', /one plain command/],
		['Bash(ls)\nBash(rm)', /one line/],
		[`Bash(${'x'.repeat(1_000)})`, /at most 1000/],
		['Edit(/etc/**)', /from the worktree/],
		['Edit(~/x)', /from the worktree/],
		['Edit(../x)', /out of the worktree/],
		['Edit()', /Name a path/],
		['WebFetch', /which site/],
		['WebFetch(https://example.com)', /which site/],
		['WebFetch(domain:a b)', /which site/],
		['WebSearch(x)', /nothing in brackets/],
		['AskUserQuestion', /asks you/],
		['ExitPlanMode', /asks you/]
	])('refuses %j and says why', (text, why) => {
		const parsed = parseRule(text);
		expect(parsed.ok ? ruleText(parsed.value) : parsed.error).toMatch(why);
		expect(parsed.ok).toBe(false);
	});
});

it.each([
	['Bash(npm test:*)', 'npm test, with any arguments inside the worktree'],
	['Bash(npm test)', 'exactly this command'],
	['Edit', 'changing any file of the worktree'],
	['Edit(src/**)', 'changing files of the worktree that fit src/**'],
	['Read(a.ts)', 'reading a.ts'],
	['WebFetch(domain:example.com)', 'reading pages of example.com']
])('%s says in words what it allows', (text, words) => {
	const parsed = parseRule(text);
	expect(parsed.ok && ruleWords(parsed.value)).toBe(words);
});
