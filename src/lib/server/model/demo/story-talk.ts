/** Short answers: greetings, thanks, and what was done so far. */
import type { ToolOutcome, Turn } from './conversation.ts';
import { reply, say, type Reply } from './reply.ts';
import type { Scene } from './script.ts';

/** Said once in a conversation, so that nobody takes the script for an AI. */
export const DEMO_NOTE =
	'_This was the demo model: a script, not an AI. To connect a real one, sign in with `claude`, or ' +
	'set `ANTHROPIC_API_KEY` and restart the app._';

/** The note at the end of the first turn, nothing later. */
export const closingNote = (scene: Scene): string =>
	scene.earlier.length === 0 ? `\n\n${DEMO_NOTE}` : '';

const outcomesOf = (turns: Turn[]): ToolOutcome[] =>
	turns.flatMap((turn) => turn.steps.flat()).filter((outcome) => !outcome.isError);

const stringInput = (outcome: ToolOutcome, key: string): string => {
	const value = outcome.input[key];
	return typeof value === 'string' ? value : '';
};

/** What earlier turns did, as a Markdown list; empty if they changed nothing. */
export function listOfWork(turns: Turn[]): string[] {
	const lines: string[] = [];
	for (const outcome of outcomesOf(turns)) {
		if (outcome.name === 'Write') lines.push(`- wrote \`${stringInput(outcome, 'file_path')}\``);
		if (outcome.name === 'Edit') lines.push(`- edited \`${stringInput(outcome, 'file_path')}\``);
		const message = /git (?:-c \S+ )*commit -m '([^'\n]*)/.exec(
			stringInput(outcome, 'command')
		)?.[1];
		if (message) lines.push(`- committed “${message}”`);
	}
	return [...new Set(lines)];
}

export function smallTalk(scene: Scene): Reply {
	if (scene.earlier.length === 0) {
		return reply([
			say(
				'Hello! Tell me what to change in this repository: I read it, edit a file, run a command ' +
					`and commit.${closingNote(scene)}`
			)
		]);
	}
	const done = listOfWork(scene.earlier).length;
	return reply([
		say(
			done > 0
				? `You're welcome. ${done === 1 ? 'One change is' : `${done} changes are`} on the branch; say what comes next, or look at the diff first.`
				: "You're welcome. Nothing was changed so far; say what I should do next."
		)
	]);
}

export function recap(scene: Scene): Reply {
	const work = listOfWork(scene.earlier);
	return reply([
		say(
			work.length > 0
				? `So far in this session I\n\n${work.join('\n')}`
				: 'So far I only read; nothing in the repository was changed.'
		)
	]);
}
