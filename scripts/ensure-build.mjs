/** Builds the app when its sources are not those of the last build. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './ensure-dependencies.mjs';
import { fail, step } from './progress.mjs';
import { ProgramFailed, runProgram } from './run-program.mjs';

const STAMP = join(ROOT, 'build', '.agent-manager-build');

/** What a build reads, relative to the root. */
const SOURCES = [
	'src',
	'packages',
	'static',
	'adapter',
	'scripts/build.mjs',
	'scripts/build-runner.mjs',
	'scripts/runner-bundle.mjs',
	'package.json',
	'package-lock.json',
	'svelte.config.js',
	'tsconfig.json',
	'vite.config.ts'
];

/** What a build leaves besides the folder of the stamp. */
const RESULTS = ['build/index.js', 'docker/agent-ws-client.js'];

/**
 * @param {string} path Relative to the root.
 * @param {import('node:crypto').Hash} hash
 */
function addToHash(path, hash) {
	const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
	if (!stat) return;
	if (!stat.isDirectory()) {
		hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
		return;
	}
	for (const name of readdirSync(join(ROOT, path)).sort()) {
		if (name === 'node_modules' || name.endsWith('.test.ts')) continue;
		addToHash(`${path}/${name}`, hash);
	}
}

/** Names, sizes and times are enough, and cost a few milliseconds where contents cost a second. */
function fingerprint() {
	const hash = createHash('sha256').update(process.versions.node);
	for (const path of SOURCES) addToHash(path, hash);
	return hash.digest('hex');
}

function isBuilt() {
	return (
		RESULTS.every((path) => existsSync(join(ROOT, path))) &&
		existsSync(STAMP) &&
		readFileSync(STAMP, 'utf8') === fingerprint()
	);
}

/** Builds with `work` and remembers what was built; sources changed meanwhile count as unbuilt. */
export async function buildWithStamp(/** @type {() => Promise<unknown>} */ work) {
	const before = fingerprint();
	await work();
	writeFileSync(STAMP, before);
}

/** In a process of its own: the memory that a build takes is not kept by the app. */
export async function ensureBuild() {
	if (isBuilt()) return;
	try {
		await step('Building the app (about half a minute)', () =>
			runProgram(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], {
				cwd: ROOT,
				env: { ...process.env, NO_COLOR: '1' },
				quiet: true
			})
		);
	} catch (error) {
		if (!(error instanceof ProgramFailed)) throw error;
		fail(`${error.output.trim()}\n\nBuilding the app failed.`);
	}
}
