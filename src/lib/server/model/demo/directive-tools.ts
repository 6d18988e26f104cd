/** Directives that call tools. Each yields messages with tools and returns its closing words. */
import type { Scene } from './script.ts';
import type { ToolOutcome } from './conversation.ts';
import { allArgs, numberArg, textArg, type Directive } from './directive.ts';
import { AT_ONCE, bash, call, reply, say, type Reply, type ReplyBlock } from './reply.ts';
import { absolutePath, commitCommand, loadTool } from './tool-calls.ts';

type Steps = Generator<Reply, ReplyBlock[], ToolOutcome[]>;

const clip = (text: string, length = 200): string =>
	text.length > length ? `${text.slice(0, length)}…` : text;

const outcomeWords = (outcome: ToolOutcome | undefined): string =>
	outcome
		? `${outcome.isError ? 'failed' : 'done'}: ${clip(outcome.text.trim(), 1000)}`
		: 'no result';

const commands = (directive: Directive): string[] => [
	...allArgs(directive, 'bash'),
	...allArgs(directive, 'command')
];

function* runInOrder(list: string[]): Steps {
	const failed: string[] = [];
	for (const command of list) {
		const [outcome] = yield reply([bash(command, 'Run the ordered command')], AT_ONCE);
		if (outcome?.isError) failed.push(`\`${clip(command, 80)}\`: ${clip(outcome.text)}`);
	}
	if (failed.length === 0) return [say(`Ran ${list.length} command(s).`)];
	return [say(`${failed.length} of ${list.length} command(s) failed.\n\n${failed.join('\n')}`)];
}

function* runAtOnce(list: string[]): Steps {
	const outcomes = yield reply(
		list.map((command) => bash(command, 'Run the ordered command')),
		AT_ONCE
	);
	return [
		say(outcomes.map((outcome, index) => `${index + 1}. ${outcomeWords(outcome)}`).join('\n'))
	];
}

function* oneCall(name: string, input: Record<string, unknown>): Steps {
	const [outcome] = yield reply([call(name, input)], AT_ONCE);
	return [say(`${name} ${outcomeWords(outcome)}`)];
}

function* edit(directive: Directive, scene: Scene): Steps {
	const file_path = absolutePath(scene, textArg(directive, 'path', 'README.md'));
	yield reply([call('Read', { file_path })], AT_ONCE);
	return yield* oneCall('Edit', {
		file_path,
		old_string: textArg(directive, 'old', ''),
		new_string: textArg(directive, 'new', '')
	});
}

function* loop(directive: Directive): Steps {
	const times = numberArg(directive, 'times', 0);
	const command = textArg(directive, 'command', 'date');
	for (let round = 1; times === 0 || round <= times; round += 1) {
		yield reply([say(`Round ${round}.`), bash(command, 'Run the command once more')], AT_ONCE);
	}
	return [say(`Looped ${times} times.`)];
}

function* ask(directive: Directive): Steps {
	const labels = textArg(directive, 'options', 'Yes|No').split('|').slice(0, 4);
	const [outcome] = yield reply(
		[
			call('AskUserQuestion', {
				questions: [
					{
						question: textArg(directive, 'question', 'Shall I go on?'),
						header: textArg(directive, 'header', 'Question'),
						options: labels.map((label) => ({ label, description: `Choose ${label}` })),
						multiSelect: textArg(directive, 'multi', '0') === '1'
					}
				]
			})
		],
		AT_ONCE
	);
	return [say(`You answered: ${clip(outcome?.text ?? '', 1000)}`)];
}

function* plan(directive: Directive, scene: Scene): Steps {
	const text = textArg(directive, 'text', '1. Read the README\n2. Change one line\n3. Commit');
	// The agent takes the plan from its file, and an argument alone for none.
	const { planFile } = scene.conversation;
	if (planFile) yield reply([call('Write', { file_path: planFile, content: text })], AT_ONCE);
	yield* loadTool(scene, 'ExitPlanMode');
	return yield* oneCall('ExitPlanMode', { plan: text });
}

function* anyTool(directive: Directive, scene: Scene): Steps {
	const name = textArg(directive, 'name', 'Bash');
	yield* loadTool(scene, name);
	let input: unknown;
	try {
		input = JSON.parse(textArg(directive, 'input', '{}'));
	} catch {
		return [say('The input of the directive is not JSON.')];
	}
	return yield* oneCall(name, typeof input === 'object' ? { ...input } : {});
}

/** By the directive's name. */
export const toolDirectives: Record<string, (directive: Directive, scene: Scene) => Steps> = {
	tools: (directive) => runInOrder(commands(directive)),
	parallel: (directive) => runAtOnce(commands(directive)),
	read: (directive, scene) =>
		oneCall('Read', { file_path: absolutePath(scene, textArg(directive, 'path', 'README.md')) }),
	write: (directive, scene) =>
		oneCall('Write', {
			file_path: absolutePath(scene, textArg(directive, 'path', 'demo.txt')),
			content: textArg(directive, 'content', 'hello\n')
		}),
	edit,
	commit: (directive) =>
		runInOrder([commitCommand('-A', textArg(directive, 'message', 'Commit by the demo model'))]),
	ask,
	plan,
	agent: (directive) =>
		oneCall('Agent', {
			description: textArg(directive, 'description', 'Look at the repo'),
			prompt: textArg(directive, 'prompt', 'Explain this repo in two sentences.'),
			subagent_type: textArg(directive, 'type', 'general-purpose'),
			run_in_background: textArg(directive, 'background', '0') === '1'
		}),
	tool: anyTool,
	loop,
	sleep: (directive) => runInOrder([`sleep ${numberArg(directive, 'seconds', 60, 3600)}`])
};
