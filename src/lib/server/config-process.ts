/** The configuration of this process: its environment, `.env` at the project root, the home folder. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import type { Result } from '#lib/domain/result.ts';
import { loadConfig, type Config, type ConfigProblem } from './config.ts';
import { findProjectRoot } from './project-root.ts';

/** Text of a file, null when it is not there. */
export function readFileIfThere(path: string): string | null {
	try {
		return readFileSync(path, 'utf8');
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'ENOTDIR') return null;
		throw error;
	}
}

/** What `.env` at the project root says; nothing when there is none. */
export const readDotEnv = (projectRoot = findProjectRoot()): Record<string, string> =>
	parse(readFileIfThere(join(projectRoot, '.env')) ?? '');

export function loadProcessConfig(
	env: NodeJS.ProcessEnv = process.env
): Result<Config, ConfigProblem[]> {
	return loadConfig({
		env,
		dotEnv: readDotEnv(),
		homeDirectory: homedir(),
		readFile: readFileIfThere
	});
}

/** For a start that stops: every problem on a line of its own. */
export const formatConfigProblems = (problems: readonly ConfigProblem[]): string =>
	problems.map(({ message }) => message).join('\n');
