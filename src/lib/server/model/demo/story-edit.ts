/** The default story: look around, change one file, check, commit, and say what was done. */
import type { ToolOutcome } from './conversation.ts';
import { additionTo, chooseTarget, newContent, type EditTarget } from './edit-target.ts';
import { bash, call, reply, say, type Reply, type ReplyBlock } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { commit, commitSubject } from './story-commit.ts';
import {
	explore,
	linesOfRead,
	stopBecauseRefused,
	wasRefused,
	type Explored
} from './story-explore.ts';
import { closingNote } from './story-talk.ts';
import { absolutePath, shellQuote } from './tool-calls.ts';

const WANTS_TO_BE_ASKED =
	/\b(ask me|ask (a |some )?questions?|let me (choose|decide|pick)|check with me)\b/i;

/** Does the person want to be asked what may be decided either way? */
export const wantsToBeAsked = (prompt: string): boolean => WANTS_TO_BE_ASKED.test(prompt);

/** A question before the change, if the prompt wants one. Null: go on. */
function* askFirst(
	scene: Scene,
	target: EditTarget
): Generator<Reply, Reply | null, ToolOutcome[]> {
	const { tools } = scene.conversation;
	if (!wantsToBeAsked(scene.turn.prompt)) return null;
	if (!tools.has('AskUserQuestion')) return null;
	const [outcome] = yield reply([
		say('Before I change anything I would like to know one thing.\n'),
		call('AskUserQuestion', {
			questions: [
				{
					question: `Where shall I put the change: in ${target.path} or in a new file?`,
					header: 'Where',
					options: [
						{ label: target.path, description: 'Keep it together with what is there' },
						{ label: 'A new file', description: 'Leave the existing files as they are' },
						{ label: 'Stop here', description: 'Change nothing' }
					],
					multiSelect: false
				}
			]
		})
	]);
	if (!outcome || outcome.isError) return stopBecauseRefused(outcome?.text ?? 'no answer');
	if (/Stop here/.test(outcome.text.replace(/^.*?=/s, ''))) {
		return reply([say(`Understood: nothing is changed.${closingNote(scene)}`)]);
	}
	if (/A new file/.test(outcome.text.replace(/^.*?=/s, ''))) {
		target.path = 'NOTES.md';
		target.exists = false;
	}
	return null;
}

const TODOS = [
	['Look at the repository', 'Looking at the repository'],
	['Make the change', 'Making the change'],
	['Check and commit', 'Checking and committing']
] as const;

/** A todo list with the first `done` entries ticked, where the agent offers the tool. */
function todos(scene: Scene, done: number): ReplyBlock[] {
	if (!scene.conversation.tools.has('TodoWrite')) return [];
	return [
		call('TodoWrite', {
			todos: TODOS.map(([content, activeForm], index) => ({
				content,
				activeForm,
				status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending'
			}))
		})
	];
}

type Changed = { problem: string } | { problem: null; words: string };

/** Writes or edits the file; reads it before if that has not happened. */
function* change(
	scene: Scene,
	explored: Explored,
	target: EditTarget
): Generator<Reply, Changed, ToolOutcome[]> {
	const file_path = absolutePath(scene, target.path);
	const { prompt } = scene.turn;
	if (!target.exists) {
		const outcomes = yield reply([
			say(`I write \`${target.path}\`.\n`),
			...todos(scene, 1),
			call('Write', { file_path, content: newContent(target.path, prompt) })
		]);
		const failed = outcomes.find((outcome) => outcome.name === 'Write' && outcome.isError);
		return failed ? { problem: failed.text } : { problem: null, words: `wrote \`${target.path}\`` };
	}
	let lines = explored.read?.path === target.path ? explored.read.lines : null;
	if (lines === null) {
		const [outcome] = yield reply([
			say(`I read \`${target.path}\` before I touch it.\n`),
			call('Read', { file_path })
		]);
		if (!outcome || outcome.isError) return { problem: outcome?.text ?? 'no answer' };
		lines = linesOfRead(outcome.text);
	}
	const addition = additionTo(target.path, lines, prompt);
	const outcomes = yield reply([
		say(`Now the change in \`${target.path}\`: small, so that it is easy to review.\n`),
		...todos(scene, 1),
		addition
			? call('Edit', { file_path, old_string: addition.old, new_string: addition.new })
			: bash(
					`printf '%s\\n' ${shellQuote(newContent(target.path, prompt).trimEnd())} >> ${shellQuote(target.path)}`,
					'Append a note to the file'
				)
	]);
	const failed = outcomes.find((outcome) => outcome.isError);
	return failed ? { problem: failed.text } : { problem: null, words: `edited \`${target.path}\`` };
}

/** Change, check, commit, summary: what comes after looking around. */
export function* changeAndCommit(scene: Scene, explored: Explored): Script {
	const { prompt } = scene.turn;
	const target = chooseTarget(prompt, explored.files);
	const answered = yield* askFirst(scene, target);
	if (answered) return answered;
	if (!target.exists && explored.files.includes(target.path)) target.exists = true;
	const changed = yield* change(scene, explored, target);
	if (changed.problem !== null) return stopBecauseRefused(changed.problem);
	const done = [`- ${changed.words}`];
	if (explored.isGitRepo) {
		const checked = yield reply([
			say('I check what changed.\n'),
			...todos(scene, 2),
			bash('git status --short && git diff --stat', 'Show changed files and the size of the change')
		]);
		if (checked.some(wasRefused)) return stopBecauseRefused(checked.find(wasRefused)!.text);
		const committed = yield* commit(
			`-- ${shellQuote(target.path)}`,
			commitSubject(prompt),
			'It looks right, so I commit it on this branch.\n'
		);
		done.push(
			committed.summary
				? `- committed it: \`${committed.summary}\``
				: `- the commit did not work: ${(committed.problem ?? '').split('\n')[0]}`
		);
	}
	return reply([
		say(
			`## Done\n\n${done.join('\n')}\n\nYou can see it in the diff; nothing else was touched.${closingNote(scene)}`
		)
	]);
}

export function* editStory(scene: Scene): Script {
	const explored = yield* explore(
		scene,
		'I read, make one small change, check it and commit.',
		(files) => {
			const target = chooseTarget(scene.turn.prompt, files);
			return target.exists ? target.path : null;
		}
	);
	if (explored.refused !== null) return stopBecauseRefused(explored.refused);
	return yield* changeAndCommit(scene, explored);
}
