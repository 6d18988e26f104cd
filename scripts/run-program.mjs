/** Starts programs for the scripts: argument vectors only, never a shell. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program ended with a code other than 0, or could not be started. */
export class ProgramFailed extends Error {
	/**
	 * @param {string} program
	 * @param {number | null} code
	 * @param {string} output What it printed, if that was kept.
	 */
	constructor(program, code, output) {
		super(`${program} ended with code ${code ?? 'none'}`);
		this.code = code;
		this.output = output;
	}
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [quiet] Keep the output, and show it only through `ProgramFailed.output`.
 */

/**
 * Runs to the end; resolves with the kept output (empty unless `quiet`), rejects with `ProgramFailed`.
 * @param {string} program
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<string>}
 */
export function runProgram(program, args, { cwd, env, quiet = false } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(program, args, {
			cwd,
			env: env ?? process.env,
			stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit']
		});
		let output = '';
		child.stdout?.on('data', (chunk) => (output += chunk));
		child.stderr?.on('data', (chunk) => (output += chunk));
		child.on('error', (error) => reject(new ProgramFailed(program, null, error.message)));
		child.on('close', (code) => {
			if (code === 0) resolve(output);
			else reject(new ProgramFailed(program, code, output));
		});
	});
}

/**
 * Whether it runs to the end with code 0; nothing is printed.
 * @param {string} program
 * @param {string[]} args
 */
export function succeeds(program, args) {
	return runProgram(program, args, { quiet: true }).then(
		() => true,
		() => false
	);
}

/**
 * Full path of a program on PATH, or null. Administrators' folders count too: PATH of an ordinary
 * user on Debian lacks them.
 * @param {string} name
 */
export function findProgram(name) {
	const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
	for (const folder of folders.filter(Boolean)) {
		const path = join(folder, name);
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			continue;
		}
	}
	return null;
}
