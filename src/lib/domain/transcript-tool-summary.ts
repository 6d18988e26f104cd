/** One line for a call: the verb, what it is about, and what came of it in a few words. */
import { cleanLine } from './clean-text.ts';
import { arrayAt, numberAt, objectAt, textAt, type Loose } from './loose-json.ts';
import type { ToolBlock } from './transcript-blocks.ts';
import { isSessionTool, sessionToolLabel, subjectOfCall } from './transcript-session-tools.ts';

export interface ToolSummary {
	/** Such as `Read` or `github: create issue`. */
	label: string;
	/** The path, command, pattern… it is about; may be empty. */
	subject: string;
	/** `code` where the subject is something to copy, `words` where it is prose. */
	subjectKind: 'code' | 'words';
	/** Such as `42 lines`; null when there is nothing to say. */
	outcome: string | null;
}

/** The worktree's own path is the same in every line of a session and says nothing. */
const worktree = /\/(?:[^\s/'"]+\/)*worktrees\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/?/g;

/** Paths as seen from the worktree. */
export const fromWorktree = (text: string): string =>
	text.replace(worktree, (whole) => (whole.endsWith('/') ? '' : '.'));

type Subject = Pick<ToolSummary, 'subject' | 'subjectKind'>;

const code = (subject: string | null): Subject => ({
	subject: fromWorktree(cleanLine(subject ?? '', 400)),
	subjectKind: 'code'
});
const words = (subject: string | null): Subject => ({
	subject: cleanLine(subject ?? '', 240),
	subjectKind: 'words'
});

const inFolder = (pattern: string | null, path: string | null): string =>
	path === null || path === '' ? (pattern ?? '') : `${pattern ?? ''} in ${path}`;

const subjects: Record<string, (input: Loose) => Subject> = {
	Bash: (input) => code(textAt(input, 'command')),
	BashOutput: (input) => code(textAt(input, 'bash_id')),
	Read: (input) => code(textAt(input, 'file_path')),
	Edit: (input) => code(textAt(input, 'file_path')),
	MultiEdit: (input) => code(textAt(input, 'file_path')),
	Write: (input) => code(textAt(input, 'file_path')),
	NotebookEdit: (input) => code(textAt(input, 'notebook_path')),
	Glob: (input) => code(inFolder(textAt(input, 'pattern'), textAt(input, 'path'))),
	Grep: (input) => code(inFolder(textAt(input, 'pattern'), textAt(input, 'path'))),
	LS: (input) => code(textAt(input, 'path')),
	WebFetch: (input) => code(textAt(input, 'url')),
	WebSearch: (input) => words(textAt(input, 'query')),
	Task: (input) => words(textAt(input, 'description')),
	Agent: (input) => words(textAt(input, 'description')),
	TodoWrite: (input) => words(todoWords(input)),
	TaskCreate: (input) => words(textAt(input, 'subject')),
	TaskUpdate: (input) => words(textAt(input, 'status')),
	AskUserQuestion: (input) => words(textAt(arrayAt(input, 'questions')[0], 'question')),
	ExitPlanMode: () => words('a plan'),
	Skill: (input) => code(textAt(input, 'skill') ?? textAt(input, 'command')),
	ToolSearch: (input) => words(textAt(input, 'query'))
};

const labels: Record<string, string> = {
	Bash: 'Run',
	BashOutput: 'Output of',
	Glob: 'Find',
	Grep: 'Search',
	LS: 'List',
	WebFetch: 'Fetch',
	WebSearch: 'Search the web',
	Task: 'Sub-agent',
	Agent: 'Sub-agent',
	TodoWrite: 'To-dos',
	TaskCreate: 'New to-do',
	TaskUpdate: 'To-do',
	MultiEdit: 'Edit',
	NotebookEdit: 'Edit',
	AskUserQuestion: 'Ask',
	ExitPlanMode: 'Propose',
	ToolSearch: 'Look for tools'
};

const todoWords = (input: Loose): string => {
	const todos = arrayAt(input, 'todos');
	const done = todos.filter((todo) => textAt(todo, 'status') === 'completed').length;
	return `${done} of ${todos.length} done`;
};

/** `mcp__server__tool_name` → `server: tool name`. */
const labelOf = (name: string | null): string => {
	if (name === null) return 'Earlier call';
	if (Object.hasOwn(labels, name)) return labels[name] ?? name;
	const known = sessionToolLabel(name);
	if (known !== null) return known;
	const mcp = /^mcp__(.+?)__(.+)$/.exec(name);
	return mcp ? `${mcp[1]}: ${(mcp[2] ?? '').replaceAll('_', ' ')}` : name;
};

/** The first short text of an input that nobody knows the shape of. */
const anySubject = (input: Loose): Subject => {
	const first = Object.values(input).find((value) => typeof value === 'string' && value !== '');
	return words(typeof first === 'string' ? first : null);
};

const plural = (count: number, one: string): string =>
	`${count} ${one}${count === 1 ? '' : /(?:ch|s|x)$/.test(one) ? 'es' : 's'}`;

const counted = (from: unknown, key: string, one: string): string | null => {
	const count = numberAt(from, key);
	return count === null ? null : plural(count, one);
};

/** The code a failed command ended with: the SDK says it in the first line of the text. */
export const exitCodeOf = (tool: ToolBlock): number | null => {
	if (tool.result === null || tool.name !== 'Bash') return null;
	const said = /^(?:Error: )?Exit code (\d{1,3})\b/.exec(tool.result.text);
	if (said) return Number(said[1]);
	return tool.result.isError ? null : 0;
};

const outcomes: Record<string, (structured: Loose, tool: ToolBlock) => string | null> = {
	Read: (structured) => counted(objectAt(structured, 'file'), 'numLines', 'line'),
	Grep: (structured) =>
		counted(structured, 'numMatches', 'match') ??
		counted(structured, 'numLines', 'line') ??
		counted(structured, 'numFiles', 'file'),
	Glob: (structured) => counted(structured, 'numFiles', 'file'),
	WebFetch: (structured) => {
		const status = numberAt(structured, 'code');
		return status === null ? null : String(status);
	},
	Agent: (structured) => counted(structured, 'totalToolUseCount', 'call'),
	Task: (structured) => counted(structured, 'totalToolUseCount', 'call')
};

const outcomeOf = (tool: ToolBlock): string | null => {
	const { result, name } = tool;
	if (!result) return null;
	const exitCode = exitCodeOf(tool);
	if (exitCode !== null && exitCode !== 0) return `exit ${exitCode}`;
	const structured = objectAt({ structured: result.structured }, 'structured');
	if (result.isError || !structured || name === null) return null;
	return Object.hasOwn(outcomes, name) ? (outcomes[name]?.(structured, tool) ?? null) : null;
};

/** While a call is being written, the first thing its pieces of JSON tell. */
const partialSubject = (inputText: string): Subject => {
	const found =
		/"(?:command|file_path|path|pattern|url|query|description|subject)"\s*:\s*"((?:[^"\\]|\\.){0,400})/.exec(
			inputText.slice(0, 4000)
		);
	const raw = found?.[1] ?? '';
	return code(raw.replace(/\\n/g, ' ').replace(/\\(["\\/])/g, '$1'));
};

const subjectOf = (tool: ToolBlock): Subject => {
	if (tool.inputText !== null && Object.keys(tool.input).length === 0) {
		return partialSubject(tool.inputText);
	}
	if (tool.name !== null && Object.hasOwn(subjects, tool.name)) {
		const known = subjects[tool.name]?.(tool.input);
		if (known) return known;
	}
	if (isSessionTool(tool.name)) return words(subjectOfCall(tool.input));
	return anySubject(tool.input);
};

export const summarizeTool = (tool: ToolBlock): ToolSummary => ({
	label: labelOf(tool.name),
	...subjectOf(tool),
	outcome: outcomeOf(tool)
});
