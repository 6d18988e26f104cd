/** Commits, here and at the end of the stories that change something. */
import type { ToolOutcome } from './conversation.ts';
import { bash, reply, say, type Reply } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { stopBecauseRefused, wasRefused } from './story-explore.ts';
import { closingNote } from './story-talk.ts';
import { commitCommand, shellQuote } from './tool-calls.ts';

/** A subject line from the prompt: one line, without a full stop, at most 60 characters. */
export function commitSubject(prompt: string): string {
	const line = (prompt.split('\n').find((text) => text.trim() !== '') ?? 'Update notes')
		.replace(/^\W*(please|can you|could you|would you|now|then)\s+/i, '')
		.replace(/\p{Cc}/gu, '')
		.trim();
	const cut = line.length > 60 ? `${line.slice(0, 60).replace(/\s+\S*$/, '')}` : line;
	const subject = cut.replace(/[\s.,;:!?]+$/, '');
	return subject === '' ? 'Update notes' : subject[0]!.toUpperCase() + subject.slice(1);
}

export interface Committed {
	/** The line git printed, such as `[agent/x 1a2b3c4] Add notes`; null when nothing was committed. */
	summary: string | null;
	problem: string | null;
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Commits `what`; when git doesn't know who the author is, tries again with a stand-in. */
export function* commit(
	what: string,
	message: string,
	lead: string
): Generator<Reply, Committed, ToolOutcome[]> {
	let [outcome] = yield reply([
		...(lead === '' ? [] : [say(lead)]),
		bash(commitCommand(what, message), 'Commit the change')
	]);
	if (outcome?.isError && /tell me who you are|empty ident|auto-detect email/i.test(outcome.text)) {
		const who = `-c user.name='Demo Model' -c user.email=demo@localhost`;
		[outcome] = yield reply([
			say('Git does not know the author here, so I give a stand-in for this one commit.\n'),
			bash(`git ${who} commit -m ${shellQuote(message)}`, 'Commit with a stand-in author')
		]);
	}
	if (!outcome || outcome.isError) {
		return { summary: null, problem: outcome?.text.trim() ?? 'no answer from git' };
	}
	const summary = outcome.text.split('\n').find((line) => /^\[.+\]/.test(line));
	return { summary: summary ?? firstLine(outcome.text), problem: null };
}

export function* commitStory(scene: Scene): Script {
	const [status] = yield reply([
		say('I look at what is there to commit.\n'),
		bash('git status --short', 'Show changed files')
	]);
	if (wasRefused(status)) return stopBecauseRefused(status!.text);
	if (!status || status.isError || status.text.trim() === '' || /no output/i.test(status.text)) {
		return reply([
			say(
				status?.isError
					? `Git could not tell: ${firstLine(status.text)}`
					: `The working tree is clean: there is nothing to commit.${closingNote(scene)}`
			)
		]);
	}
	const quoted = /["“'`]([^"”'`]{3,72})["”'`]/.exec(scene.turn.prompt)?.[1];
	const done = yield* commit('-A', quoted ?? 'Save the current state', '');
	return reply([
		say(
			done.summary
				? `Committed: \`${done.summary}\`${closingNote(scene)}`
				: `The commit did not work: ${firstLine(done.problem ?? '')}${closingNote(scene)}`
		)
	]);
}
