/** Real git repositories for tests, made by the real git in temporary folders. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A moment for commits, so that their ids are the same in each run. */
const COMMIT_DATE = '2026-01-02T03:04:05Z';

/** Runs git as a person would, in a folder; its trimmed stdout. Throws when git fails. */
export const gitIn = (folder: string, ...args: string[]): string =>
	execFileSync('git', args, {
		cwd: folder,
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'pipe'],
		env: {
			...process.env,
			GIT_CONFIG_NOSYSTEM: '1',
			// worktrees belong to the sandbox's user when the tests run as root
			GIT_CONFIG_COUNT: '1',
			GIT_CONFIG_KEY_0: 'safe.directory',
			GIT_CONFIG_VALUE_0: '*',
			GIT_AUTHOR_NAME: 'Test Person',
			GIT_AUTHOR_EMAIL: 'test@example.com',
			GIT_COMMITTER_NAME: 'Test Person',
			GIT_COMMITTER_EMAIL: 'test@example.com',
			GIT_AUTHOR_DATE: COMMIT_DATE,
			GIT_COMMITTER_DATE: COMMIT_DATE
		}
	}).trim();

export interface TempFolder {
	path: string;
	remove(): void;
}

export const tempFolder = (name: string): TempFolder => {
	const path = mkdtempSync(join(tmpdir(), `am-${name}-`));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

export type Files = Record<string, string>;

export const writeFiles = (folder: string, files: Files): void => {
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), text);
	}
};

/** Writes the files and commits them; the commit's id. */
export const commitFiles = (folder: string, files: Files, message = 'Change files'): string => {
	writeFiles(folder, files);
	gitIn(folder, 'add', '--all');
	gitIn(folder, 'commit', '--quiet', '--allow-empty', '-m', message);
	return gitIn(folder, 'rev-parse', 'HEAD');
};

/** A repository with one commit on `main`. */
export const makeRepo = (
	folder: string,
	files: Files = { 'README.md': '# Sample\n', 'src/app.js': 'console.log(1);\n' }
): string => {
	mkdirSync(folder, { recursive: true });
	gitIn(folder, 'init', '--quiet', '--initial-branch=main');
	commitFiles(folder, files, 'First commit');
	return folder;
};
