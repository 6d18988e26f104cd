/** The orchestrator's tools as the demo model calls them, and what it reads in their answers. */
import { z } from 'zod';
import type { ToolOutcome } from './conversation.ts';
import { call, reply, say, type Reply } from './reply.ts';
import type { Scene } from './script.ts';
import { loadTool } from './tool-calls.ts';

export const sessionTool = (name: string): string => `mcp__sessions__${name}`;

export const hasSessionTools = ({ conversation: { tools, deferred } }: Scene): boolean =>
	tools.has(sessionTool('start_session')) || deferred.has(sessionTool('start_session'));

const parse = (text: string): unknown => {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
};

const sessionSchema = z.looseObject({
	session_id: z.string(),
	title: z.string().catch(''),
	status: z.string().catch('unknown'),
	waiting_for: z.string().nullable().catch(null),
	branch: z.string().catch(''),
	commits: z.number().catch(0),
	pending: z
		.array(
			z.object({
				request_id: z.string(),
				kind: z.string(),
				input: z.string().catch('{}'),
				yours_to_answer: z.boolean().catch(false)
			})
		)
		.catch([])
});
export type SeenSession = z.infer<typeof sessionSchema>;

const changesSchema = z.object({
	file_count: z.number(),
	added: z.number(),
	removed: z.number(),
	files: z.array(z.object({ path: z.string() }))
});
export type SeenChanges = z.infer<typeof changesSchema>;

const questionsSchema = z.object({
	questions: z.array(
		z.looseObject({
			question: z.string(),
			options: z.array(z.looseObject({ label: z.string() })).min(1)
		})
	)
});
export type Question = z.infer<typeof questionsSchema>['questions'][number];

const readAs = <T>(schema: z.ZodType<T>, outcome: ToolOutcome | undefined): T | null => {
	const parsed = schema.safeParse(outcome && !outcome.isError && parse(outcome.text));
	return parsed.success ? parsed.data : null;
};

export const seenSession = (outcome: ToolOutcome | undefined): SeenSession | null =>
	readAs(sessionSchema, outcome);
export const seenChanges = (outcome: ToolOutcome | undefined): SeenChanges | null =>
	readAs(changesSchema, outcome);
export const isOver = (outcome: ToolOutcome | undefined): boolean =>
	readAs(z.object({ over: z.literal(true) }), outcome) !== null;

export const questionsIn = (input: string): Question[] => {
	const parsed = questionsSchema.safeParse(parse(input));
	return parsed.success ? parsed.data.questions : [];
};

/** No answer of the app, which would be JSON: it was away, and nobody knows what was done. */
const isLost = (outcome: ToolOutcome): boolean => outcome.isError && parse(outcome.text) === null;

/**
 * Calls a tool once for each input, at once. What got no answer is called once more: each of these calls
 * may come twice.
 */
export function* callEach(
	scene: Scene,
	name: string,
	inputs: readonly Record<string, unknown>[],
	lead: string
): Generator<Reply, ToolOutcome[], ToolOutcome[]> {
	yield* loadTool(scene, sessionTool(name));
	const calls = inputs.map((input) => call(sessionTool(name), input));
	const outcomes = yield reply(lead === '' ? calls : [say(`${lead}\n`), ...calls]);
	const lost = outcomes.flatMap((outcome, at) => (isLost(outcome) ? [at] : []));
	if (lost.length === 0) return outcomes;
	const again = yield reply([
		say('The app did not answer, so I ask again.\n'),
		...lost.map((at) => call(sessionTool(name), inputs[at] ?? {}))
	]);
	return outcomes.map((outcome, at) => again[lost.indexOf(at)] ?? outcome);
}
