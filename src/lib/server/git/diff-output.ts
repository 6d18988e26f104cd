/**
 * Reads what `git diff` prints. It may come from a sandbox, so nothing is taken on trust: what does not
 * have the form that was asked for is no answer.
 */
import type { ChangedFile } from '@agent-manager/protocol/changes.ts';

/** More files than this are counted, and not listed. */
export const FILES_MAX = 10_000;

const STATUSES: Readonly<Record<string, ChangedFile['status']>> = {
	A: 'added',
	M: 'modified',
	D: 'deleted',
	R: 'renamed',
	C: 'copied',
	T: 'retyped'
};

const RAW = /^:([0-7]{6}) ([0-7]{6}) [0-9a-f]+ [0-9a-f]+ ([AMDRCT])\d*$/;
const NUMSTAT = /^(\d{1,9}|-)\t(\d{1,9}|-)\t([^]*)$/;

const kindOf = (mode: string): ChangedFile['kind'] =>
	mode === '120000' ? 'link' : mode === '160000' ? 'submodule' : 'file';

export interface ChangedFiles {
	files: ChangedFile[];
	fileCount: number;
	added: number;
	removed: number;
}

const byPath = (a: ChangedFile, b: ChangedFile): number =>
	a.path < b.path ? -1 : a.path > b.path ? 1 : 0;

/** The raw lines, and where the numbers begin; null when they read otherwise. */
const readRaw = (
	fields: readonly string[]
): { files: Map<string, ChangedFile>; at: number } | null => {
	const files = new Map<string, ChangedFile>();
	let at = 0;
	while (fields[at]?.startsWith(':')) {
		const [, before = '', after = '', letter = ''] = RAW.exec(fields[at] ?? '') ?? [];
		const isMoved = letter === 'R' || letter === 'C';
		const path = fields[at + (isMoved ? 2 : 1)];
		const status = STATUSES[letter];
		if (status === undefined || !path) return null;
		files.set(path, {
			path,
			oldPath: isMoved ? (fields[at + 1] ?? null) : null,
			status,
			added: null,
			removed: null,
			kind: kindOf(after === '000000' ? before : after)
		});
		at += isMoved ? 3 : 2;
	}
	return { files, at };
};

const countOf = (text: string | undefined): number | null =>
	text === undefined || text === '-' ? null : Number(text);

/** Of `git diff --raw --numstat -z`; null when it is not that. */
export const parseChangedFiles = (output: string): ChangedFiles | null => {
	const fields = output.split('\0');
	if (fields.pop() !== '') return null;
	const raw = readRaw(fields);
	if (!raw) return null;
	let added = 0;
	let removed = 0;
	for (let at = raw.at; at < fields.length; at += 1) {
		const numbers = NUMSTAT.exec(fields[at] ?? '');
		if (!numbers) return null;
		let path = numbers[3] ?? '';
		if (path === '') {
			path = fields[at + 2] ?? '';
			at += 2;
		}
		const file = raw.files.get(path);
		if (!file) return null;
		file.added = countOf(numbers[1]);
		file.removed = countOf(numbers[2]);
		added += file.added ?? 0;
		removed += file.removed ?? 0;
	}
	const files = [...raw.files.values()].sort(byPath);
	return { files: files.slice(0, FILES_MAX), fileCount: files.length, added, removed };
};

const HUNK = /^@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@/;

/**
 * The hunks of a patch of one file, without git's header, whose quoted names nobody needs. Null when a
 * line is none of a unified diff. `isBinary`: git did not compare it by lines.
 */
export const parsePatch = (patch: string): { hunks: string; isBinary: boolean } | null => {
	const begin = patch.startsWith('@@ ') ? 0 : patch.indexOf('\n@@ ') + 1;
	if (begin === 0 && !patch.startsWith('@@ ')) {
		return { hunks: '', isBinary: /^(Binary files .* differ|GIT binary patch)$/m.test(patch) };
	}
	const lines = patch.slice(begin).split('\n');
	if (lines.at(-1) === '') lines.pop();
	const end = lines.findIndex((line) => line.startsWith('diff --git '));
	const own = end < 0 ? lines : lines.slice(0, end);
	const isDiff = own.every((line) =>
		line.startsWith('@@') ? HUNK.test(line) : /^[ +\-\\]/.test(line)
	);
	return isDiff ? { hunks: `${own.join('\n')}\n`, isBinary: false } : null;
};
