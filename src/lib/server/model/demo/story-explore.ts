/** The first steps of most stories: which files are there, and what the repo says of itself. */
import type { ToolOutcome } from './conversation.ts';
import { bash, call, reply, say, type Reply, type ReplyBlock } from './reply.ts';
import type { Scene } from './script.ts';
import { absolutePath } from './tool-calls.ts';

export interface Explored {
	/** Paths as git lists them; empty in an empty repo or without git. */
	files: string[];
	isGitRepo: boolean;
	/** The file that was read, and its lines as far as they were shown. */
	read: { path: string; lines: string[] } | null;
	/** The first answer that was refused or failed in a way that ends the story. */
	refused: string | null;
}

const trackedFiles = (count: number): string =>
	count === 1 ? 'There is one tracked file.' : `There are ${count} tracked files.`;

const INTRODUCTIONS = [
	/^readme(\.|$)/i,
	/^package\.json$/,
	/^pyproject\.toml$/,
	/^cargo\.toml$/i,
	/^go\.mod$/
];

const LINE = /^\s*\d+(?:→|\t)(.*)$/;

/** The file's lines from the answer of the Read tool, which numbers them. */
export const linesOfRead = (text: string): string[] =>
	text.split('\n').flatMap((line) => {
		const match = LINE.exec(line);
		return match ? [match[1]!] : [];
	});

/** A person or a rule said no, in contrast to a command that failed. */
export const wasRefused = (outcome: ToolOutcome | undefined): boolean =>
	outcome !== undefined &&
	outcome.isError &&
	/\b(denied|declined|rejected|refused|not allowed|permission|doesn't want|does not want)\b/i.test(
		outcome.text
	) &&
	!/\bpermission denied\b/i.test(outcome.text);

const clip = (text: string): string => {
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length > 160 ? `${line.slice(0, 160)}…` : line;
};

/** The last words when somebody said no. */
export const stopBecauseRefused = (reason: string): Reply =>
	reply([
		say(
			`That step was not done (${clip(reason)}), so I stop here and leave the rest as it is. ` +
				'Tell me how you would like to go on.'
		)
	]);

function intro(scene: Scene, purpose: string): ReplyBlock {
	const goal = clip(scene.turn.prompt.split('\n')[0] ?? '');
	return say(
		scene.earlier.length === 0
			? `You asked: “${goal}”. ${purpose} First I look at how this repository is laid out.\n`
			: `${purpose} I check the current state of the repository first.\n`
	);
}

/** Lists the files and reads `wanted(files)`, else a file that introduces the repo. */
export function* explore(
	scene: Scene,
	purpose: string,
	wanted: (files: string[]) => string | null = () => null
): Generator<Reply, Explored, ToolOutcome[]> {
	const nothing: Explored = { files: [], isGitRepo: false, read: null, refused: null };
	const [list, log] = yield reply([
		intro(scene, purpose),
		bash('git ls-files | head -200', 'List the tracked files'),
		bash('git log --oneline -5', 'Show the latest commits')
	]);
	if (wasRefused(list)) return { ...nothing, refused: list!.text };
	const isGitRepo = !/not a git repository/i.test(`${list?.text ?? ''}${log?.text ?? ''}`);
	const files =
		isGitRepo && list && !list.isError
			? list.text.split('\n').filter((line) => line !== '' && !/[<>()]/.test(line))
			: [];
	const target =
		wanted(files) ??
		INTRODUCTIONS.map((pattern) => files.find((file) => pattern.test(file))).find(Boolean) ??
		files[0];
	if (target === undefined) return { ...nothing, isGitRepo };
	const [outcome] = yield reply([
		say(`${trackedFiles(files.length)} \`${target}\` is the place to begin.\n`),
		call('Read', { file_path: absolutePath(scene, target) })
	]);
	if (wasRefused(outcome)) return { ...nothing, refused: outcome!.text };
	const lines = outcome && !outcome.isError ? linesOfRead(outcome.text) : [];
	return { files, isGitRepo, read: { path: target, lines }, refused: null };
}
