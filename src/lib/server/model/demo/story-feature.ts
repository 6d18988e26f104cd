/** One part of the demo's feature: asks if it has to, writes its file, checks it, commits. */
import type { FeaturePart } from './demo-feature.ts';
import type { ToolOutcome } from './conversation.ts';
import { bash, call, reply, say, type Reply } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { commit } from './story-commit.ts';
import { stopBecauseRefused } from './story-explore.ts';
import { closingNote } from './story-talk.ts';
import { absolutePath, answerIn, shellQuote } from './tool-calls.ts';

/** The option that was chosen; null: nobody would say. */
function* choose(
	scene: Scene,
	{ question }: FeaturePart
): Generator<Reply, string | null, ToolOutcome[]> {
	const [first] = question?.options ?? [];
	if (!question || !first) return '';
	if (!scene.conversation.tools.has('AskUserQuestion')) return first.label;
	const [outcome] = yield reply([
		say('One thing here is a matter of taste, so I ask first.\n'),
		call('AskUserQuestion', {
			questions: [
				{
					question: question.text,
					header: 'Taste',
					options: question.options,
					multiSelect: false
				}
			]
		})
	]);
	if (!outcome || outcome.isError) return null;
	return answerIn(outcome.text, question.text) ?? first.label;
}

export function* featurePartStory(scene: Scene, part: FeaturePart): Script {
	const { path, subject } = part;
	yield reply([
		say('I look at what is there.\n'),
		bash('git ls-files', 'List the tracked files'),
		bash('git log --oneline -3', 'Show the latest commits')
	]);
	const choice = yield* choose(scene, part);
	if (choice === null) return stopBecauseRefused('nobody would say how it shall look');
	const file_path = absolutePath(scene, path);
	const [written] = yield reply([
		say(`I write \`${path}\`.\n`),
		call('Write', { file_path, content: part.content(choice) })
	]);
	if (!written || written.isError) return stopBecauseRefused(written?.text ?? 'no answer');
	if (path.endsWith('.js')) {
		yield reply([
			say('Does it parse?\n'),
			bash(`node --check ${shellQuote(path)}`, 'Check the syntax')
		]);
	}
	const done = yield* commit(`-- ${shellQuote(path)}`, subject, 'Then I commit it.\n');
	const words = done.summary
		? `Done: \`${path}\` is committed, \`${done.summary}\`.`
		: `\`${path}\` is written; the commit did not work: ${(done.problem ?? '').split('\n')[0]}`;
	return reply([say(`${words}${closingNote(scene)}`)]);
}
