/**
 * The demo model as an orchestrator, with the real tools: starts sessions, waits, is woken, answers what
 * they ask or asks the person, looks at what they changed, reports. It plays this wherever it is offered
 * those tools.
 */
import type { ToolOutcome } from './conversation.ts';
import { DEMO_GOAL, FEATURE_PARTS } from './demo-feature.ts';
import { parseDirectives } from './directive.ts';
import { call, reply, say, type Reply } from './reply.ts';
import type { Scene, Script } from './script.ts';
import {
	callEach,
	isOver,
	questionsIn,
	seenChanges,
	seenSession,
	sessionTool,
	type Question,
	type SeenChanges,
	type SeenSession
} from './session-tools.ts';
import { wantsToBeAsked } from './story-edit.ts';
import { closingNote } from './story-talk.ts';
import { answerIn, loadTool } from './tool-calls.ts';

const WAITED_FOR = /^- ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/gm;
const WOKEN = /^Your wait (is over|has reached its deadline)\./;
const WAIT_SECONDS = 3_600;

export const isWakeUp = (prompt: string): boolean => WOKEN.test(prompt);

const counted = (count: number, one: string, many = `${one}s`): string =>
	`${count} ${count === 1 ? one : many}`;

/** Starts one session for each prompt, waits for all of them, and ends the turn. */
export function* startAndWait(
	scene: Scene,
	prompts: readonly string[],
	timeoutSeconds: number
): Script {
	yield* callEach(
		scene,
		'list_sessions',
		[{}],
		'I look at what is there already, then I split the work.'
	);
	const turn = scene.earlier.length + 1;
	const outcomes = yield* callEach(
		scene,
		'start_session',
		prompts.map((prompt, at) => ({ prompt, key: `turn ${turn}, part ${at + 1}` })),
		`It comes apart into ${counted(prompts.length, 'part')}. I start a session for each.`
	);
	const ids = outcomes.flatMap((outcome) => seenSession(outcome)?.session_id ?? []);
	const refused = outcomes.filter(({ isError }) => isError).map(({ text }) => `- ${text}`);
	if (ids.length === 0) {
		return reply([say(`No session could be started.\n\n${refused.join('\n')}`)]);
	}
	const but = refused.length > 0 ? `\n\nNot started:\n\n${refused.join('\n')}` : '';
	const count = counted(ids.length, 'session is', 'sessions are');
	return yield* waitThenLook(
		scene,
		ids,
		timeoutSeconds,
		`${count} at work. I am woken when all are at rest.${but}`
	);
}

export const orchestrateStory = (scene: Scene): Script => {
	const goal = scene.turn.prompt.trim();
	const parts =
		goal === DEMO_GOAL
			? FEATURE_PARTS.map(({ prompt }) => prompt)
			: [
					`Write a short file NOTES.md for this: ${goal}`,
					`Change the README to mention this: ${goal}`
				];
	return startAndWait(scene, parts, WAIT_SECONDS);
};

const firstOptions = (questions: readonly Question[]): Record<string, string> =>
	Object.fromEntries(questions.map(({ question, options }) => [question, options[0]!.label]));

/** What the person chose, as the answer of AskUserQuestion says it. */
const chosenIn = (text: string, questions: readonly Question[]): Record<string, string> =>
	Object.fromEntries(
		questions.map(({ question, options }) => [
			question,
			answerIn(text, question) ?? options[0]!.label
		])
	);

/** Passes a session's questions on to the person, if the goal wants that; else takes the first options. */
function* answersTo(
	scene: Scene,
	title: string,
	input: string
): Generator<Reply, Record<string, string>, ToolOutcome[]> {
	const questions = questionsIn(input);
	const wanted = scene.earlier.some(
		({ prompt }) => parseDirectives(prompt).length === 0 && wantsToBeAsked(prompt)
	);
	if (!wanted || questions.length === 0 || !scene.conversation.tools.has('AskUserQuestion')) {
		return firstOptions(questions);
	}
	const [outcome] = yield reply([
		say(`“${title}” asks what is yours to decide, so I pass it on.\n`),
		call('AskUserQuestion', { questions })
	]);
	return outcome && !outcome.isError ? chosenIn(outcome.text, questions) : firstOptions(questions);
}

/** Answers what the sessions ask and the person has left to the orchestrator. */
function* answerAll(
	scene: Scene,
	seen: readonly SeenSession[]
): Generator<Reply, boolean, ToolOutcome[]> {
	const answers = [];
	for (const { session_id, title, pending } of seen) {
		for (const { request_id, kind, input } of pending.filter((it) => it.yours_to_answer)) {
			const about = { session_id, request_id, decision: 'allow' };
			if (kind !== 'question') answers.push(about);
			else answers.push({ ...about, answers: yield* answersTo(scene, title, input) });
		}
	}
	if (answers.length === 0) return false;
	yield* callEach(scene, 'answer', answers, 'I answer what I was asked.');
	return true;
}

/** Registers a wait and ends the turn with these words; what is at rest already is looked at at once. */
function* waitThenLook(
	scene: Scene,
	ids: readonly string[],
	timeoutSeconds: number,
	lastWords: string
): Script {
	const wait = { session_ids: ids, mode: 'all', timeout_seconds: timeoutSeconds };
	const [outcome] = yield* callEach(scene, 'wait_for', [wait], '');
	return isOver(outcome) ? yield* lookAtAll(scene, ids) : reply([say(lastWords)]);
}

/** What each has changed, by session: its files, and a look into the first of them. */
function* readChanges(
	scene: Scene,
	seen: readonly SeenSession[]
): Generator<Reply, Map<string, SeenChanges>, ToolOutcome[]> {
	const committed = seen.filter(({ commits }) => commits > 0);
	const found = new Map<string, SeenChanges>();
	if (committed.length === 0) return found;
	const lists = yield* callEach(
		scene,
		'read_changes',
		committed.map(({ session_id }) => ({ session_id })),
		'What they say is one thing, what they committed another: I look.'
	);
	committed.forEach(({ session_id }, at) => {
		const changes = seenChanges(lists[at]);
		if (changes) found.set(session_id, changes);
	});
	const files = [...found].flatMap(
		([
			session_id,
			{
				files: [first]
			}
		]) => (first ? [{ session_id, path: first.path }] : [])
	);
	if (files.length > 0) yield* callEach(scene, 'read_changes', files, '');
	return found;
}

const lineOf = (
	{ title, status, branch, commits, session_id }: SeenSession,
	changes: ReadonlyMap<string, SeenChanges>
): string => {
	const found = changes.get(session_id);
	if (!found) return `- ${title}: ${status}, ${counted(commits, 'commit')} on \`${branch}\``;
	const { file_count, added, removed } = found;
	const state = status === 'waiting' ? '' : `${status}, `;
	return `- ${title}: ${state}${counted(commits, 'commit')} on \`${branch}\`, ${counted(file_count, 'file')}, +${added} −${removed}`;
};

const reportText = (
	seen: readonly SeenSession[],
	changes: ReadonlyMap<string, SeenChanges>
): string =>
	[
		`**${counted(seen.length, 'session has', 'sessions have')} come to rest.**`,
		'',
		...seen.map((session) => lineOf(session, changes)),
		'',
		'Nothing is merged. Open a session to read its changes. The button with the branches, above, pushes them, and opens their pull requests where the repository is on GitHub.'
	].join('\n');

const isOpen = ({ status, waiting_for }: SeenSession): boolean =>
	['starting', 'running'].includes(status) || (status === 'waiting' && waiting_for !== 'input');

/** Reads each session; answers and waits again, or looks at the changes and reports. */
function* lookAtAll(scene: Scene, ids: readonly string[]): Script {
	const outcomes = yield* callEach(
		scene,
		'read_session',
		ids.map((session_id) => ({ session_id })),
		'I look at how each of them stands.'
	);
	const seen = outcomes.flatMap((outcome) => seenSession(outcome) ?? []);
	if (yield* answerAll(scene, seen)) {
		return yield* waitThenLook(scene, ids, WAIT_SECONDS, 'Answered. I wait for them once more.');
	}
	const open = seen.filter(isOpen);
	const wait = { session_ids: ids, mode: 'all', timeout_seconds: WAIT_SECONDS };
	if (open.length > 0) {
		const [outcome] = yield* callEach(scene, 'wait_for', [wait], '');
		if (!isOver(outcome)) {
			const lines = open.map(({ title, status, waiting_for }) =>
				status === 'waiting' ? `- ${title}: waits for ${waiting_for}` : `- ${title}: ${status}`
			);
			return reply([say(`Not all is done:\n\n${lines.join('\n')}\n\nI wait on.`)]);
		}
	}
	const changes = yield* readChanges(scene, seen);
	yield* loadTool(scene, sessionTool('report'));
	yield reply([call(sessionTool('report'), { text: reportText(seen, changes) })]);
	return reply([say(`The report is above.${closingNote(scene)}`)]);
}

/** After a wait: which sessions it was for stands in the message that ended it. */
export const wokenStory = (scene: Scene): Script =>
	lookAtAll(
		scene,
		[...scene.turn.prompt.matchAll(WAITED_FOR)].map(([, id = '']) => id)
	);
