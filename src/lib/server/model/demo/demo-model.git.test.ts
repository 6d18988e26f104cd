/** The real Claude Code binary on the demo model, in a real git repository. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CanUseTool, Options } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
	lastWords,
	startAgent as startRealAgent,
	toolsOf,
	type Agent
} from '../../../../../tests/support/claude-agent.ts';
import { createDemoServer, type DemoServer } from './demo-server.ts';

const run = promisify(execFile);
let server: DemoServer;
let root: string;

beforeAll(async () => {
	server = await createDemoServer({ paceFactor: 0 });
	root = await mkdtemp(join(tmpdir(), 'demo-model-'));
});
afterAll(async () => {
	await server.close();
	await rm(root, { recursive: true, force: true });
});

const git = async (cwd: string, ...args: string[]): Promise<string> =>
	(await run('git', args, { cwd, env: { PATH: process.env.PATH, HOME: root } })).stdout;

async function makeRepo(): Promise<string> {
	const cwd = await mkdtemp(join(root, 'repo-'));
	await git(cwd, 'init', '-q', '-b', 'main');
	await git(cwd, 'config', 'user.name', 'Tester');
	await git(cwd, 'config', 'user.email', 'tester@localhost');
	await writeFile(
		join(cwd, 'README.md'),
		'# Fixture\n\nA small repository to try things on, with a readme.\n'
	);
	await writeFile(join(cwd, 'main.py'), 'def main():\n    return 1\n');
	await git(cwd, 'add', '-A');
	await git(cwd, 'commit', '-qm', 'Begin');
	return cwd;
}

const startAgent = (cwd: string, given: Partial<Options> & { home?: string } = {}): Agent => {
	const { home = join(root, `home-${randomUUID()}`), ...options } = given;
	const model = { ANTHROPIC_BASE_URL: server.baseUrl, ANTHROPIC_API_KEY: 'placeholder' };
	return startRealAgent({ cwd, home, model, options });
};

test('the default story edits a file, commits it, and says that it is the demo model', async () => {
	const cwd = await makeRepo();
	const agent = startAgent(cwd);
	const messages = await agent.turn('Add a note about the release process');
	expect(lastWords(messages)).toContain('This was the demo model');
	expect(await git(cwd, 'log', '--format=%s', '-1')).toBe('Add a note about the release process\n');
	expect(await git(cwd, 'status', '--short')).toBe('');
	expect(await readFile(join(cwd, 'NOTES.md'), 'utf8')).toContain('release process');
	const result = messages.at(-1);
	expect(result?.type === 'result' && result.usage.output_tokens).toBeGreaterThan(100);

	const recap = lastWords(await agent.turn('What did you do?'));
	expect(recap).toContain('NOTES.md');
	expect(recap).toContain('committed “Add a note about the release process”');
	expect(recap).not.toContain('demo model');

	const fix = await agent.turn('Fix the bug in main.py');
	expect(toolsOf(fix).map((tool) => tool.name)).toContain('Edit');
	expect(await readFile(join(cwd, 'main.py'), 'utf8')).toBe(
		'# Note: Fix the bug in main.py\ndef main():\n    return 1\n'
	);
	expect(await git(cwd, 'rev-list', '--count', 'HEAD')).toBe('3\n');
	agent.close();
});

test('explaining changes nothing', async () => {
	const cwd = await makeRepo();
	const agent = startAgent(cwd);
	const words = lastWords(await agent.turn('What does this repo do?'));
	expect(words).toContain('**Fixture**');
	expect(words).toContain('2 tracked files');
	expect(await git(cwd, 'rev-list', '--count', 'HEAD')).toBe('1\n');
	agent.close();
});

test('asks, and goes on with the answer', async () => {
	const cwd = await makeRepo();
	const asked: unknown[] = [];
	const canUseTool: CanUseTool = async (name, input) => {
		if (name !== 'AskUserQuestion') return { behavior: 'allow', updatedInput: input };
		asked.push(input);
		const { questions } = input as { questions: { question: string }[] };
		return {
			behavior: 'allow',
			updatedInput: { ...input, answers: { [questions[0]!.question]: 'A new file' } }
		};
	};
	const agent = startAgent(cwd, { canUseTool });
	const words = lastWords(await agent.turn('Improve the readme, but ask me first: ask me where'));
	expect(asked).toHaveLength(1);
	expect(words).toContain('wrote `NOTES.md`');
	expect(await readFile(join(cwd, 'README.md'), 'utf8')).not.toContain('Note');
	agent.close();
});

test('a denied tool ends the story in words, with nothing changed', async () => {
	const cwd = await makeRepo();
	const canUseTool: CanUseTool = async (name, input) =>
		name === 'Write'
			? { behavior: 'deny', message: 'Not this file, please.' }
			: { behavior: 'allow', updatedInput: input };
	const agent = startAgent(cwd, { canUseTool });
	const messages = await agent.turn('Add a note about testing');
	expect(lastWords(messages)).toContain('Not this file, please.');
	expect(await git(cwd, 'status', '--short')).toBe('');
	agent.close();
});

test('resume goes on with the same conversation', async () => {
	const cwd = await makeRepo();
	const home = join(root, `home-${randomUUID()}`);
	const sessionId = randomUUID();
	const first = startAgent(cwd, { home, sessionId });
	await first.turn('Add a note about caching');
	first.close();
	const second = startAgent(cwd, { home, resume: sessionId });
	const words = lastWords(await second.turn('thanks! which files did you touch, what did you do?'));
	expect(words).toContain('NOTES.md');
	second.close();
});

test('an interrupt in a long command leaves an agent that takes the next prompt', async () => {
	const cwd = await makeRepo();
	const agent = startAgent(cwd);
	agent.onMessage = (message) => {
		if (toolsOf([message]).some((tool) => tool.name === 'Bash')) void agent.interrupt();
	};
	const messages = await agent.turn('[[demo: sleep seconds=300]]');
	expect(messages.at(-1)).toMatchObject({ subtype: 'error_during_execution' });
	agent.onMessage = () => {};
	expect(lastWords(await agent.turn('[[demo: text text="still here"]]'))).toBe('still here');
	agent.close();
});

test('a message in the middle of a turn is answered in it', async () => {
	const cwd = await makeRepo();
	const agent = startAgent(cwd);
	let sent = false;
	agent.onMessage = (message) => {
		if (sent || message.type !== 'assistant') return;
		sent = true;
		agent.send('[[demo: text text="and the second"]]');
	};
	const messages = await agent.turn('[[demo: tools bash="sleep 0.3" bash="echo done"]]');
	expect(JSON.stringify(messages)).toContain('Ran 2 command(s).');
	expect(lastWords(messages)).toContain('and the second');
	agent.close();
});

test('directives: tools, parallel tools, files, a plan, a sub-agent', async () => {
	const cwd = await makeRepo();
	const planned: unknown[] = [];
	const canUseTool: CanUseTool = async (name, input) => {
		if (name === 'ExitPlanMode') planned.push(input);
		return { behavior: 'allow', updatedInput: input };
	};
	const agent = startAgent(cwd, { canUseTool });
	const tools = await agent.turn('[[demo: tools bash="echo one" bash="exit 3"]]');
	expect(lastWords(tools)).toContain('1 of 2 command(s) failed');
	const parallel = await agent.turn(`[[demo: parallel bash='echo "a"' bash='echo b']]`);
	expect(lastWords(parallel)).toBe('1. done: a\n2. done: b');
	await agent.turn(
		'[[demo: write path=a.txt content="one\\ntwo\\n"]] [[demo: edit path=a.txt old=two new=three]]'
	);
	expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe('one\nthree\n');
	const agentTurn = await agent.turn('[[demo: agent prompt="What is this repo?"]]');
	expect(lastWords(agentTurn)).toContain('**Fixture**');
	expect(
		agentTurn.some((message) => message.type === 'assistant' && message.parent_tool_use_id !== null)
	).toBe(true);
	agent.close();
});

test('plan mode: reads, hands in a plan, and changes something only once it is approved', async () => {
	const cwd = await makeRepo();
	const plans: string[] = [];
	const canUseTool: CanUseTool = async (name, input) => {
		if (name === 'ExitPlanMode') plans.push(String(input.plan));
		return { behavior: 'allow', updatedInput: input };
	};
	const agent = startAgent(cwd, { canUseTool, permissionMode: 'plan' });
	const messages = await agent.turn('Add a note about the release');
	expect(plans).toEqual([expect.stringContaining('## Plan')]);
	expect(lastWords(messages)).toContain('committed it');
	agent.close();
});

test('API faults reach the agent as the real ones do', async () => {
	const cwd = await makeRepo();
	const agent = startAgent(cwd);
	const limited = await agent.turn('[[demo: status=429 retry-after=1 times=1]]');
	expect(limited).toContainEqual(
		expect.objectContaining({ type: 'system', subtype: 'api_retry', error_status: 429 })
	);
	expect(lastWords(limited)).toContain('Recovered.');
	const broke = await agent.turn('[[demo: status=400]]');
	expect(broke.at(-1)).toMatchObject({ is_error: true, api_error_status: 400 });
	expect(lastWords(await agent.turn('[[demo: cut after=3]]'))).toContain('Recovered.');
	expect(lastWords(await agent.turn('[[demo: malformed after=3]]'))).toContain('Recovered.');
	expect(lastWords(await agent.turn('[[demo: sse-error after=3]]'))).toContain('Recovered.');
	agent.close();
}, 60_000);
