/**
 * System packages: installs them where that is allowed without asking (root or passwordless sudo on
 * a Debian-like system), saying so first; elsewhere says the one line to type.
 */
import { say, step } from './progress.mjs';
import { findProgram, ProgramFailed, runProgram, succeeds } from './run-program.mjs';

/** Argument vector to put before a command that needs root, or null if we may not. */
async function rootPrefix() {
	if (process.getuid?.() === 0) return [];
	const sudo = findProgram('sudo');
	return sudo && (await succeeds(sudo, ['-n', 'true'])) ? [sudo, '-n'] : null;
}

/** @param {string[]} packages */
export function lineToType(packages) {
	const names = packages.join(' ');
	if (findProgram('apt-get')) return `sudo apt-get install -y ${names}`;
	if (findProgram('dnf')) return `sudo dnf install -y ${names}`;
	if (findProgram('pacman')) return `sudo pacman -S ${names}`;
	if (findProgram('apk')) return `sudo apk add ${names}`;
	return `install with your system's package manager: ${names}`;
}

/**
 * @param {string[]} prefix
 * @param {string[]} args
 */
function aptGet(prefix, args) {
	const [program = '', ...rest] = [
		...prefix,
		'env',
		'DEBIAN_FRONTEND=noninteractive',
		// What is installed is not started: a private Docker engine serves the tests.
		'RUNLEVEL=1',
		'SYSTEMD_OFFLINE=1',
		'apt-get',
		...args
	];
	return runProgram(program, rest, { quiet: true });
}

/**
 * @param {string[]} packages
 * @returns {Promise<{ installed: true } | { installed: false, reason: string }>}
 */
export async function installPackages(packages) {
	const prefix = findProgram('apt-get') ? await rootPrefix() : null;
	if (!prefix) return { installed: false, reason: `type: ${lineToType(packages)}` };
	const install = ['install', '-y', '--no-install-recommends', ...packages];
	say(`Installing system packages with apt-get: ${packages.join(', ')}`);
	try {
		await step(`Installing ${packages.join(', ')}`, async () => {
			// Package lists of a fresh machine are empty or old: update only if it fails without.
			await aptGet(prefix, install).catch(async () => {
				await aptGet(prefix, ['update']);
				await aptGet(prefix, install);
			});
		});
		return { installed: true };
	} catch (error) {
		if (!(error instanceof ProgramFailed)) throw error;
		const lastLine = error.output.trim().split('\n').at(-1) ?? '';
		return { installed: false, reason: `apt-get failed: ${lastLine}` };
	}
}
