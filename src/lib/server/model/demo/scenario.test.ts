import { expect, test } from 'vitest';
import { DEMO_GOAL, FEATURE_PARTS } from './demo-feature.ts';
import { additionTo, chooseTarget, newContent, pathsIn } from './edit-target.ts';
import { chooseScenario, type ScenarioName } from './scenario.ts';
import { commitSubject } from './story-commit.ts';
import { commandOf } from './story-run.ts';

const first = { first: true, planMode: false, orchestrator: false };
const later = { first: false, planMode: false, orchestrator: false };

test.each<[string, ScenarioName, typeof first]>([
	['Add a health check', 'edit', first],
	['Fix the login bug', 'edit', first],
	['dark mode', 'edit', first],
	['Explain how the router works', 'explain', first],
	['What does this do?', 'explain', first],
	['Is this safe?', 'explain', first],
	['Can you add a test?', 'edit', first],
	['Run `ls -la`', 'run', first],
	['please run the tests', 'run', first],
	['commit everything', 'commit', later],
	['Make a plan for the migration', 'plan', first],
	['Add a cache', 'plan', { ...first, planMode: true }],
	['hello', 'small-talk', first],
	['Thanks!', 'small-talk', later],
	['Thanks, now add a changelog entry', 'edit', later],
	['Great, which files did you change? list your changes', 'recap', later],
	['What did you do?', 'recap', later],
	['What did you do?', 'explain', first],
	['[[demo: text]] thanks', 'directive', later],
	['', 'edit', first],
	[DEMO_GOAL, 'orchestrate', { ...first, orchestrator: true }],
	...FEATURE_PARTS.map(({ prompt }): [string, ScenarioName, typeof first] => [
		prompt,
		'feature-part',
		first
	])
])('“%s” → %s', (prompt, scenario, context) => {
	expect(chooseScenario(prompt, context)).toBe(scenario);
});

const FILES = ['README.md', 'package.json', 'src/main.ts', 'src/main.test.ts', 'docs/guide.md'];

test.each<[string, string, boolean]>([
	['Fix the crash', 'src/main.ts', true],
	['Improve docs/guide.md', 'docs/guide.md', true],
	['Improve guide.md please', 'docs/guide.md', true],
	['Update the README', 'README.md', true],
	['Create src/util/new-thing.ts', 'src/util/new-thing.ts', false],
	['Write ../../etc/passwd.txt', 'NOTES.md', false],
	['Add tests', 'TESTING.md', false],
	['Add an idea', 'NOTES.md', false],
	['Use e.g. a cache, i.e. Redis', 'NOTES.md', false]
])('target of “%s” is %s', (prompt, path, exists) => {
	expect(chooseTarget(prompt, FILES)).toEqual({ path, exists });
});

test('paths that leave the repo or are none are not taken', () => {
	expect(pathsIn('see ../a.txt, /etc/x.conf and `b/c.ts`.')).toEqual(['b/c.ts']);
});

test('an addition goes to a line that is there once, in the comment of the language', () => {
	expect(additionTo('a.py', ['#!/usr/bin/env python', 'x = 1'], 'Fix\nit')).toEqual({
		old: 'x = 1',
		new: '# Note: Fix it\nx = 1'
	});
	expect(additionTo('a.md', ['# T', 'same', 'same'], 'Add it')).toEqual({
		old: '# T',
		new: '# T\n\n## Note\n\nAdd it'
	});
	expect(additionTo('a.md', ['same', 'same'], 'Add it')).toBeNull();
	expect(additionTo('a.json', ['{}'], 'Add it')).toBeNull();
});

test('a literal text in the prompt is written as it is', () => {
	expect(newContent('hello.txt', 'Create hello.txt with the content "hi there"')).toBe(
		'hi there\n'
	);
	expect(newContent('hello.txt', 'Create hello.txt with content hi there ')).toBe('hi there\n');
	expect(newContent('x.json', 'Create x.json')).toBe('{\n  "note": "Create x.json"\n}\n');
});

test.each([
	['Please add a note.', 'Add a note'],
	['\n\nfix\u0000 it', 'Fix it'],
	['!!!', 'Update notes'],
	['a'.repeat(80), `A${'a'.repeat(59)}`],
	["it's `$(x)`", "It's `$(x)`"]
])('commit subject of %j', (prompt, subject) => {
	expect(commitSubject(prompt)).toBe(subject);
});

test.each([
	['Run `npm ci`', 'npm ci'],
	['run git log', 'git log'],
	['run something; rm -rf /', 'git status']
])('command of “%s”', (prompt, command) => {
	expect(commandOf(prompt)).toBe(command);
});
