/**
 * The demo model as an orchestrator, with the real tools: starts sessions, waits, is woken, answers what
 * they ask, reports. It plays this wherever it is offered those tools.
 */
import { z } from 'zod';
import type { ToolOutcome } from './conversation.ts';
import { call, reply, say } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { loadTool } from './tool-calls.ts';
import { closingNote } from './story-talk.ts';

const tool = (name: string): string => `mcp__sessions__${name}`;
const WAITED_FOR = /^- ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/gm;
const WOKEN = /^Your wait (is over|has reached its deadline)\./;

const sessionSchema = z.looseObject({
	session_id: z.string(),
	title: z.string().catch(''),
	status: z.string().catch('unknown'),
	branch: z.string().catch(''),
	commits: z.number().catch(0),
	pending: z
		.array(z.object({ request_id: z.string(), kind: z.string(), input: z.string().catch('{}') }))
		.catch([])
});
type Seen = z.infer<typeof sessionSchema>;

const questionsSchema = z.object({
	questions: z.array(
		z.object({ question: z.string(), options: z.array(z.object({ label: z.string() })).min(1) })
	)
});

export const isOrchestrator = ({ conversation }: Scene): boolean =>
	conversation.tools.has(tool('start_session')) || conversation.deferred.has(tool('start_session'));

export const isWakeUp = (prompt: string): boolean => WOKEN.test(prompt);

const parse = (text: string): unknown => {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
};

const seenIn = (outcomes: readonly (ToolOutcome | undefined)[]): Seen[] =>
	outcomes.flatMap((outcome) => {
		const parsed = sessionSchema.safeParse(outcome && !outcome.isError && parse(outcome.text));
		return parsed.success ? [parsed.data] : [];
	});

/** Starts one session for each prompt, waits for all of them, and ends the turn. */
export function* startAndWait(
	scene: Scene,
	prompts: readonly string[],
	timeoutSeconds: number
): Script {
	for (const name of ['list_sessions', 'start_session']) yield* loadTool(scene, tool(name));
	yield reply([
		say('I look at what is there already, then I split the work.\n'),
		call(tool('list_sessions'), {})
	]);
	const outcomes = yield reply([
		say(`It comes apart into ${prompts.length} parts. I start a session for each.\n`),
		...prompts.map((prompt) => call(tool('start_session'), { prompt }))
	]);
	const ids = seenIn(outcomes).map(({ session_id }) => session_id);
	const refused = outcomes.filter(({ isError }) => isError).map(({ text }) => `- ${text}`);
	if (ids.length === 0) {
		return reply([say(`No session could be started.\n\n${refused.join('\n')}`)]);
	}
	const but = refused.length > 0 ? `\n\nNot started:\n\n${refused.join('\n')}` : '';
	const count = `${ids.length} ${ids.length === 1 ? 'session is' : 'sessions are'}`;
	return yield* waitThenLook(
		scene,
		ids,
		timeoutSeconds,
		`${count} at work. I am woken when all are at rest.${but}`
	);
}

export const orchestrateStory = (scene: Scene): Script => {
	const goal = scene.turn.prompt.trim();
	const parts = [
		`Write a short file NOTES.md for this: ${goal}`,
		`Change the README to mention this: ${goal}`
	];
	return startAndWait(scene, parts, 3_600);
};

/** Picks the first option of each question. */
const answersTo = (input: string): Record<string, string> => {
	const parsed = questionsSchema.safeParse(parse(input));
	if (!parsed.success) return {};
	return Object.fromEntries(
		parsed.data.questions.map(({ question, options }) => [question, options[0]!.label])
	);
};

const reportText = (seen: readonly Seen[]): string =>
	[
		`**${seen.length} ${seen.length === 1 ? 'session has' : 'sessions have'} come to rest.**`,
		'',
		...seen.map(
			({ title, status, branch, commits }) =>
				`- ${title}: ${status}, ${commits} ${commits === 1 ? 'commit' : 'commits'} on \`${branch}\``
		)
	].join('\n');

const isOver = (outcome: ToolOutcome | undefined): boolean =>
	z.object({ over: z.literal(true) }).safeParse(parse(outcome?.text ?? '')).success;

/** Registers a wait and ends the turn with these words; what is at rest already is looked at at once. */
function* waitThenLook(
	scene: Scene,
	ids: readonly string[],
	timeoutSeconds: number,
	lastWords: string
): Script {
	yield* loadTool(scene, tool('wait_for'));
	const [outcome] = yield reply([
		call(tool('wait_for'), { session_ids: ids, mode: 'all', timeout_seconds: timeoutSeconds })
	]);
	return isOver(outcome) ? yield* lookAtAll(scene, ids) : reply([say(lastWords)]);
}

/** Reads each session, answers questions and waits again, or reports. */
function* lookAtAll(scene: Scene, ids: readonly string[]): Script {
	for (const name of ['read_session', 'answer', 'report']) yield* loadTool(scene, tool(name));
	const outcomes = yield reply([
		say('All are at rest. I look at each of them.\n'),
		...ids.map((session_id) => call(tool('read_session'), { session_id }))
	]);
	const seen = seenIn(outcomes);
	const asked = seen.flatMap(({ session_id, pending }) =>
		pending
			.filter(({ kind }) => kind === 'question')
			.map(({ request_id, input }) => ({ session_id, request_id, answers: answersTo(input) }))
	);
	if (asked.length > 0) {
		yield reply([
			say('One asks something that I can answer.\n'),
			...asked.map((answer) => call(tool('answer'), { ...answer, decision: 'allow' }))
		]);
		return yield* waitThenLook(scene, ids, 3_600, 'Answered. I wait for them once more.');
	}
	yield reply([call(tool('report'), { text: reportText(seen) })]);
	return reply([say(`All is done; the report is above.${closingNote(scene)}`)]);
}

/** After a wait: which sessions it was for stands in the message that ended it. */
export const wokenStory = (scene: Scene): Script =>
	lookAtAll(
		scene,
		[...scene.turn.prompt.matchAll(WAITED_FOR)].map(([, id = '']) => id)
	);
