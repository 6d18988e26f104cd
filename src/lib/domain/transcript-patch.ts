/** The change a call makes to a file, as hunks of lines: from the tool's own patch, or its input. */
import { arrayAt, asArray, asObject, numberAt, objectAt, textAt, textsAt } from './loose-json.ts';
import type { ToolBlock } from './transcript-blocks.ts';

export interface PatchLine {
	kind: 'context' | 'added' | 'removed';
	text: string;
	oldNumber: number | null;
	newNumber: number | null;
}

export interface Patch {
	path: string;
	/** Each hunk is a run of lines; between two of them lines were left out. */
	hunks: PatchLine[][];
	isNew: boolean;
}

const editTools = new Set(['Edit', 'Write', 'MultiEdit', 'NotebookEdit']);
const MAX_LINES = 20_000;

const splitLines = (text: string): string[] => {
	if (text === '') return [];
	const lines = text.split('\n', MAX_LINES);
	if (lines.at(-1) === '') lines.pop();
	return lines;
};

const numbered = (
	lines: string[],
	oldStart: number | null,
	newStart: number | null
): PatchLine[] => {
	let oldNumber = oldStart;
	let newNumber = newStart;
	const result: PatchLine[] = [];
	for (const line of lines) {
		if (line.startsWith('\\')) continue;
		const mark = line[0];
		const kind = mark === '+' ? 'added' : mark === '-' ? 'removed' : 'context';
		result.push({
			kind,
			text: line.slice(1),
			oldNumber: kind === 'added' ? null : oldNumber,
			newNumber: kind === 'removed' ? null : newNumber
		});
		if (kind !== 'added' && oldNumber !== null) oldNumber += 1;
		if (kind !== 'removed' && newNumber !== null) newNumber += 1;
	}
	return result;
};

const fromStructured = (hunks: unknown[]): PatchLine[][] =>
	hunks
		.map((hunk) =>
			numbered(
				textsAt(hunk, 'lines').slice(0, MAX_LINES),
				numberAt(hunk, 'oldStart') ?? 1,
				numberAt(hunk, 'newStart') ?? 1
			)
		)
		.filter((lines) => lines.length > 0);

/** Equal lines at both ends are context; what is between was replaced. */
const replaced = (before: string, after: string): PatchLine[] => {
	const a = splitLines(before);
	const b = splitLines(after);
	let head = 0;
	while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
	let tail = 0;
	const room = Math.min(a.length, b.length) - head;
	while (tail < room && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
	const marked = [
		...a.slice(Math.max(0, head - 3), head).map((line) => ` ${line}`),
		...a.slice(head, a.length - tail).map((line) => `-${line}`),
		...b.slice(head, b.length - tail).map((line) => `+${line}`),
		...a.slice(a.length - tail, a.length - tail + 3).map((line) => ` ${line}`)
	];
	return numbered(marked, null, null);
};

const fromInput = (tool: ToolBlock): PatchLine[][] => {
	const { input } = tool;
	const content =
		textAt(input, 'content') ??
		textAt(input, 'new_source') ??
		textAt(tool.result?.structured, 'content');
	if (content !== null) {
		return [
			numbered(
				splitLines(content).map((line) => `+${line}`),
				null,
				1
			)
		];
	}
	const edits = arrayAt(input, 'edits');
	return (edits.length > 0 ? edits.slice(0, 200) : [input])
		.map((edit) => replaced(textAt(edit, 'old_string') ?? '', textAt(edit, 'new_string') ?? ''))
		.filter((lines) => lines.length > 0);
};

/** Null for calls that change no file. A call before the window is known by its result alone. */
export const patchOf = (tool: ToolBlock): Patch | null => {
	const structured = tool.result?.structured;
	const changes =
		tool.name === null
			? Array.isArray(asObject(structured)?.structuredPatch)
			: editTools.has(tool.name);
	if (!changes) return null;
	const hunks = fromStructured(asArray(arrayAt(structured, 'structuredPatch')));
	const path =
		textAt(tool.input, 'file_path') ??
		textAt(tool.input, 'notebook_path') ??
		textAt(objectAt(tool.result, 'structured'), 'filePath') ??
		'';
	return {
		path,
		hunks: hunks.length > 0 ? hunks : fromInput(tool),
		isNew: textAt(structured, 'type') === 'create'
	};
};

export const patchStats = (patch: Patch): { added: number; removed: number } => {
	let added = 0;
	let removed = 0;
	for (const line of patch.hunks.flat()) {
		if (line.kind === 'added') added += 1;
		if (line.kind === 'removed') removed += 1;
	}
	return { added, removed };
};
