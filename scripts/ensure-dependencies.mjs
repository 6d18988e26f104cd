/**
 * Installs npm packages when the lock file is not the one that was last installed. Uses nothing but
 * Node, because it runs before anything is installed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, step } from './progress.mjs';
import { ProgramFailed, runProgram } from './run-program.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const STAMP = join(ROOT, 'node_modules', '.agent-manager-install');
const MINIMUM_NODE = [20, 19];

/** Ends with words if this Node is too old: what comes later would fail with a syntax error. */
export function checkNodeVersion() {
	const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
	const [minimumMajor = 0, minimumMinor = 0] = MINIMUM_NODE;
	if (major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)) return;
	fail(
		`Agent Manager needs Node ${MINIMUM_NODE.join('.')} or newer; this is ${process.versions.node}.\n` +
			'Get it from https://nodejs.org, or with a version manager: nvm install 24'
	);
}

/** What was installed: the lock file, for this system and this Node's binary interface. */
function fingerprint() {
	return createHash('sha256')
		.update(readFileSync(join(ROOT, 'package-lock.json')))
		.update(readFileSync(join(ROOT, 'package.json')))
		.update(`${process.platform}-${process.arch}-${process.versions.modules}`)
		.digest('hex');
}

function isInstalled() {
	return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint();
}

/** How to start npm without a shell: by its own script if npm started us, else by name. */
function npmCommand() {
	const script = process.env.npm_execpath;
	if (script?.endsWith('.js')) return { program: process.execPath, args: [script] };
	return { program: 'npm', args: [] };
}

/**
 * `npm install` rather than `npm ci`: a lock file made on one system may lack another's binaries,
 * which `ci` refuses. `--no-save` leaves the lock file as it is.
 */
export async function ensureDependencies() {
	if (isInstalled()) return;
	const npm = npmCommand();
	const args = [...npm.args, 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
	const env = { ...process.env, NODE_ENV: 'development' };
	try {
		await step('Installing npm packages (about 800 MB, once)', () =>
			runProgram(npm.program, args, { cwd: ROOT, env, quiet: true })
		);
	} catch (error) {
		if (!(error instanceof ProgramFailed)) throw error;
		fail(
			`${error.output.trim()}\n\nInstalling the npm packages failed. Check the network, then try again.`
		);
	}
	writeFileSync(STAMP, fingerprint());
}
