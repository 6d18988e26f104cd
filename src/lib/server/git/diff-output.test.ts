import { describe, expect, it } from 'vitest';
import { FILES_MAX, parseChangedFiles, parsePatch } from './diff-output.ts';

const ID = 'a'.repeat(40);
const raw = (status: string, ...paths: string[]): string =>
	`:100644 100644 ${ID} ${ID} ${status}\0${paths.join('\0')}\0`;

describe('parseChangedFiles', () => {
	it('reads files with their lines', () => {
		const output = `${raw('M', 'b')}${raw('R090', 'old', 'a')}3\t1\tb\x002\t0\t\0old\0a\0`;
		expect(parseChangedFiles(output)).toEqual({
			files: [
				{ path: 'a', oldPath: 'old', status: 'renamed', added: 2, removed: 0, kind: 'file' },
				{ path: 'b', oldPath: null, status: 'modified', added: 3, removed: 1, kind: 'file' }
			],
			fileCount: 2,
			added: 5,
			removed: 1
		});
	});

	it('counts what it does not list', () => {
		const count = FILES_MAX + 5;
		const output = Array.from({ length: count }, (_, at) => raw('A', `f${at}`)).join('');
		const read = parseChangedFiles(output);
		expect([read?.files.length, read?.fileCount]).toEqual([FILES_MAX, count]);
	});

	it.each([
		['words', 'fatal: not a repository'],
		['an end in mid-name', `${raw('M', 'b')}3\t1\tb`],
		['another letter', raw('X', 'b')],
		['no name', `:100644 100644 ${ID} ${ID} M\0`],
		['a name from nowhere', `${raw('M', 'b')}1\t1\tc\0`],
		['numbers that are none', `${raw('M', 'b')}1e9\t-1\tb\0`],
		['too large a number', `${raw('M', 'b')}9999999999\t1\tb\0`]
	])('refuses %s', (_name, output) => {
		expect(parseChangedFiles(output)).toBeNull();
	});
});

describe('parsePatch', () => {
	const header = 'diff --git "a/x\\n@@ -1 +1 @@" b/y\nindex 1..2\n--- a/x\n+++ b/y\n';
	it('keeps the hunks', () => {
		const hunks = '@@ -1 +1 @@ of f\n-a\n+b\n\\ No newline at end of file\n';
		expect(parsePatch(header + hunks)).toEqual({ hunks, isBinary: false });
	});
	it('stops at another file', () => {
		expect(parsePatch(`${header}@@ -1 +1 @@\n-a\n+b\n${header}@@ -1 +1 @@\n-c\n+d\n`)?.hunks).toBe(
			'@@ -1 +1 @@\n-a\n+b\n'
		);
	});
	it('knows what has no lines', () => {
		expect(parsePatch('diff --git a/x b/x\nBinary files a/x and b/x differ\n')).toEqual({
			hunks: '',
			isBinary: true
		});
		expect(parsePatch('diff --git a/x b/y\nsimilarity index 100%\n')?.isBinary).toBe(false);
	});
	it.each(['\u001b[31m-a\u001b[m', 'words', '@@ nonsense'])('refuses a line such as %j', (line) => {
		expect(parsePatch(`${header}@@ -1 +1 @@\n${line}\n`)).toBeNull();
	});
});
