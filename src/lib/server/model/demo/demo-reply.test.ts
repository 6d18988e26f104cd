/** Conversations as Claude Code sends them, told by hand, and what the demo model says to them. */
import { expect, test } from 'vitest';
import type { MessagesRequest } from './conversation.ts';
import { demoReply } from './demo-reply.ts';
import type { Reply, ReplyBlock } from './reply.ts';

const TOOLS = ['Bash', 'Read', 'Write', 'Edit', 'TodoWrite', 'AskUserQuestion'];

interface Told {
	request: MessagesRequest;
	/** Adds the model's answer and the results of its tools, and asks again. */
	step(results: Record<string, string | { error: string }>): Reply;
	say(role: 'user' | 'system', text: string): Reply;
	now(): Reply;
}

const text = (block: ReplyBlock): string =>
	block.kind === 'tool' ? '' : [...block.chunks(() => 0)].join('');
const words = (reply: Reply): string => reply.blocks.map(text).join('');
const calls = (reply: Reply): string[] =>
	reply.blocks.flatMap((block) => (block.kind === 'tool' ? [block.name] : []));

function talk(prompt: string, extra: Partial<MessagesRequest> = {}): Told {
	const request: MessagesRequest = {
		model: 'm',
		max_tokens: 1000,
		tools: TOOLS.map((name) => ({ name })),
		system: [{ type: 'text', text: ' - Primary working directory: /repo' }],
		messages: [
			{
				role: 'user',
				content: [
					{ type: 'text', text: '<system-reminder>\nBe kind.\n</system-reminder>' },
					{ type: 'text', text: prompt }
				]
			}
		],
		...extra
	};
	let ids = 0;
	const now = (): Reply => demoReply(request);
	return {
		request,
		now,
		say: (role, content) => {
			request.messages.push({ role, content });
			return now();
		},
		step: (results) => {
			const reply = now();
			const uses = reply.blocks.flatMap((block) =>
				block.kind === 'tool'
					? [{ type: 'tool_use', id: `t${(ids += 1)}`, name: block.name, input: block.input }]
					: []
			);
			request.messages.push({ role: 'assistant', content: [{ type: 'text', text: 'x' }, ...uses] });
			// Claude Code does not keep the order of parallel tools.
			const content = uses.toReversed().map((use) => {
				const command = String((use.input as { command?: string }).command ?? '');
				const key = Object.keys(results).find(
					(name) => use.name === name || command.startsWith(name)
				);
				const result = key === undefined ? '' : results[key]!;
				return {
					type: 'tool_result',
					tool_use_id: use.id,
					content: typeof result === 'string' ? result : [{ type: 'text', text: result.error }],
					is_error: typeof result !== 'string'
				};
			});
			if (content.length > 0) request.messages.push({ role: 'user', content });
			return now();
		}
	};
}

const LISTED = { 'git ls-files': 'README.md\nsrc/a.ts', 'git log': 'abc Begin' };
const README = {
	Read: '     1\t# Hello\n     2\t\n     3\tA sentence that is long enough to be quoted.'
};

test('the story with a todo list: every step once, then the end', () => {
	const told = talk('Add a note');
	expect(calls(told.now())).toEqual(['Bash', 'Bash']);
	expect(calls(told.step(LISTED))).toEqual(['Read']);
	expect(calls(told.step(README))).toEqual(['TodoWrite', 'Write']);
	expect(calls(told.step({ TodoWrite: 'ok', Write: 'ok' }))).toEqual(['TodoWrite', 'Bash']);
	expect(calls(told.step({ TodoWrite: 'ok', 'git status': '?? NOTES.md' }))).toEqual(['Bash']);
	const end = told.step({ 'git add': '[agent/x 1a2b3c4] Add a note\n 1 file changed' });
	expect(calls(end)).toEqual([]);
	expect(words(end)).toContain('`[agent/x 1a2b3c4] Add a note`');
	expect(words(end)).toContain('This was the demo model');
});

test('the same request gets the same reply', () => {
	const told = talk('Add a note');
	told.step(LISTED);
	expect(words(told.now())).toBe(words(told.now()));
});

test('git that does not know the author: a stand-in, and it goes on', () => {
	const told = talk('Add a note', { tools: [] });
	told.step(LISTED);
	told.step(README);
	told.step({ Write: 'ok' });
	const again = told.step({ 'git status': '?? NOTES.md' });
	expect(calls(again)).toEqual(['Bash']);
	const second = told.step({ 'git add': { error: '*** Please tell me who you are.' } });
	expect(JSON.stringify(second.blocks)).toContain('user.email=demo@localhost');
	expect(words(told.step({ 'git -c': '[x 1] Add a note' }))).toContain('committed it');
});

test('an empty repo, and a folder without git', () => {
	const empty = talk('Add a note');
	expect(
		calls(empty.step({ 'git ls-files': '', 'git log': { error: 'no commits yet' } }))
	).toContain('Write');
	const none = talk('Explain this');
	const error = { error: 'fatal: not a git repository' };
	expect(words(none.step({ 'git ls-files': error, 'git log': error }))).toContain(
		'not a git repository'
	);
});

test('a refusal at the first step ends in words', () => {
	const told = talk('Add a note');
	const denied = { error: 'The user denied this tool.' };
	expect(words(told.step({ 'git ls-files': denied, 'git log': denied }))).toContain('was not done');
});

test('a prompt after an interruption or an error is a turn of its own', () => {
	const told = talk('Add a note');
	told.step(LISTED);
	told.say('user', '[Request interrupted by user for tool use]');
	expect(words(told.say('user', '[[demo: text text=new]]'))).toBe('new');
	const failed = talk('[[demo: status=500]]');
	failed.request.messages[0] = {
		role: 'user',
		content: [
			{ type: 'text', text: '[[demo: status=500]]' },
			{ type: 'text', text: '[[demo: text text=after]]' }
		]
	};
	expect(words(failed.now())).toBe('after');
});

test('what is said in the middle of a turn is answered at its end', () => {
	const told = talk('[[demo: tools bash=ls]]');
	told.step({ ls: 'a' });
	told.request.messages.push({
		role: 'system',
		content:
			'The user sent a new message while you were working:\n[[demo: tools bash=pwd]]\n\nThis is how Claude Code surfaces messages.\n\n' +
			'The user sent a new message while you were working:\n[[demo: text text=third]]\n\nThis is how Claude Code surfaces messages.'
	});
	const next = told.now();
	expect(words(next)).toContain('Ran 1 command(s).');
	expect(calls(next)).toEqual(['Bash']);
	expect(words(told.step({ pwd: '/repo' }))).toContain('third');
});

test('“continue” after a crash goes on where the turn was', () => {
	const told = talk('[[demo: tools bash=ls bash=pwd]]');
	told.step({ ls: { error: 'Tool call interrupted' } });
	expect(calls(told.say('user', 'Continue from where you left off.'))).toEqual(['Bash']);
});

test('a deferred tool is loaded first', () => {
	const told = talk('[[demo: plan]]');
	told.request.messages.push({
		role: 'system',
		content:
			'The following deferred tools are now available via ToolSearch.\nEnterPlanMode\nExitPlanMode\n\nOther words'
	});
	expect(calls(told.now())).toEqual(['ToolSearch']);
	expect(calls(told.step({ ToolSearch: 'ok' }))).toEqual(['ExitPlanMode']);
});

test('summaries, titles and probes are answered in kind', () => {
	const told = talk('Add a note');
	told.step(LISTED);
	const summary = told.say(
		'user',
		'Your task is to create a detailed summary of the conversation so far'
	);
	expect(words(summary)).toMatch(/^<summary>[\s\S]*Add a note[\s\S]*<\/summary>$/);
	const title = talk('Add a note', {
		output_config: {
			format: { type: 'json_schema', schema: { properties: { title: { type: 'string' } } } }
		}
	});
	expect(JSON.parse(words(title.now()))).toEqual({ title: 'Add a note' });
	expect(talk('test', { max_tokens: 1 }).now().stopReason).toBe('max_tokens');
});

test('a conversation without any prompt still gets an answer', () => {
	expect(
		words(demoReply({ model: 'm', messages: [{ role: 'assistant', content: 'hi' }] }))
	).not.toBe('');
});
