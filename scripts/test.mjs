/**
 * `npm test`, on a fresh machine: installs what the tests need, builds, starts a private Docker
 * engine, and runs everything: Vitest in Node and in a browser, then Playwright on the built app.
 * What cannot be had is skipped, counted, and said with its reason.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { ensureBuild } from './ensure-build.mjs';
import { say, step } from './progress.mjs';
import { findProgram, succeeds } from './run-program.mjs';
import { installPackages } from './system-packages.mjs';
import {
	addSummaries,
	emptySummary,
	readPlaywright,
	readVitest,
	summaryLines
} from './test-summary.mjs';

const RESULTS = join(ROOT, 'test-results');

/** What the tests start, and the Debian package that has it. */
const PROGRAMS = [
	{ programs: ['chromium', 'chromium-browser', 'google-chrome'], package: 'chromium' },
	{ programs: ['bwrap'], package: 'bubblewrap' },
	{ programs: ['dockerd'], package: 'docker.io' },
	{ programs: ['mmdebstrap'], package: 'mmdebstrap' },
	{ programs: ['faketime'], package: 'faketime' }
];

function hasBrowser() {
	return Boolean(process.env.CHROMIUM_PATH || PROGRAMS[0]?.programs.some(findProgram));
}

/** Says what it installs; what may not be installed makes tests skip, each with its reason. */
async function ensureSystemPackages() {
	if (process.platform !== 'linux') return;
	const missing = PROGRAMS.filter(({ programs }) => !programs.some(findProgram))
		.map((need) => need.package)
		.filter((name) => name !== 'chromium' || !hasBrowser());
	if (missing.length === 0) return;
	const result = await installPackages(missing);
	if (!result.installed) say(`Some tests will be skipped; to run them, ${result.reason}`);
	// Newer Debian has Docker's command in a package of its own.
	if (findProgram('dockerd') && !findProgram('docker')) await installPackages(['docker-cli']);
}

/** A machine without systemd may have no control groups mounted, and Docker needs them. */
async function ensureControlGroups() {
	const mounted = ['memory', 'cgroup.controllers'].some((name) =>
		existsSync(join('/sys/fs/cgroup', name))
	);
	if (mounted || process.getuid?.() !== 0 || !findProgram('dockerd')) return;
	if (!findProgram('cgroupfs-mount')) await installPackages(['cgroupfs-mount']);
	const mount = findProgram('cgroupfs-mount');
	if (mount) await step('Mounting control groups', () => succeeds(mount, []));
}

/** @returns {Promise<{ env: Record<string, string>, stop: () => Promise<void> }>} */
async function startDockerEngine() {
	await ensureControlGroups();
	const { ensureDockerEngine, ensureSandboxImage } =
		await import('../tests/support/docker-engine.mjs');
	const engine = await step('Starting a private Docker engine', ensureDockerEngine);
	if ('skipped' in engine) {
		say(`  no Docker tests: ${engine.skipped}`);
		return { env: {}, stop: async () => undefined };
	}
	const image = await step('Building the sandbox image', () =>
		ensureSandboxImage(engine.dockerHost)
	);
	if ('skipped' in image) say(`  ${image.skipped}`);
	return { env: { AGENT_MANAGER_TEST_DOCKER_HOST: engine.dockerHost }, stop: engine.stop };
}

/** A loop that never ends in a test cannot be stopped from inside. */
const LIMIT_MS = 60 * 60_000;

/**
 * Of thousands of tests with real processes, one may fail on a machine that is busy. It is tried once
 * more, and the summary names it, with what the first try said; those that check that nothing is lost
 * are not (`retries: 0` in their files).
 */
const RETRIES = 1;

/**
 * Runs with the terminal; the exit code is part of the result, never an exception.
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @returns {Promise<number>}
 */
function runNode(args, env) {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, args, {
			cwd: ROOT,
			env: { ...process.env, ...env },
			stdio: ['ignore', 'inherit', 'inherit'],
			timeout: LIMIT_MS,
			killSignal: 'SIGKILL'
		});
		child.on('error', reject);
		child.on('exit', (code) => resolve(code ?? 1));
	});
}

/** @param {string} name */
function readReport(name) {
	try {
		return JSON.parse(readFileSync(join(RESULTS, name), 'utf8'));
	} catch {
		return null;
	}
}

/**
 * The files whose tests did not run because there is no browser, as one skipped test each.
 * @param {string} folder
 * @param {string} ending
 */
function skippedFiles(folder, ending) {
	const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
	const skipped = names
		.filter((name) => name.endsWith(ending))
		.map((name) => ({ name: `${folder}/${name}`, reason: 'Chromium is not installed' }));
	return { ...emptySummary(), skipped };
}

/** @param {Record<string, string>} env */
async function runVitest(env) {
	const code = await runNode(
		[
			...['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit'],
			...(hasBrowser() ? ['--project', 'browser'] : []),
			`--retry=${RETRIES}`,
			...['--reporter', 'default', '--reporter', 'json'],
			...['--reporter', './tests/support/test-notes-reporter.ts'],
			`--outputFile.json=${join(RESULTS, 'vitest.json')}`
		],
		{ ...env, TEST_NOTES_FILE: join(RESULTS, 'test-notes.json') }
	);
	const summary = readVitest(readReport('vitest.json'), readReport('test-notes.json') ?? {}, code);
	return hasBrowser() ? [summary] : [summary, skippedFiles('src', '.svelte.test.ts')];
}

/** @param {Record<string, string>} env */
async function runPlaywright(env) {
	if (!hasBrowser()) return skippedFiles('tests/e2e', '.e2e.ts');
	const report = join(RESULTS, 'playwright.json');
	const code = await runNode(
		[
			'node_modules/@playwright/test/cli.js',
			'test',
			`--retries=${RETRIES}`,
			'--reporter=list,json',
			'--pass-with-no-tests'
		],
		{ ...env, PLAYWRIGHT_JSON_OUTPUT_NAME: report }
	);
	return readPlaywright(readReport('playwright.json'), code);
}

checkNodeVersion();
process.chdir(ROOT);
rmSync(RESULTS, { recursive: true, force: true });
await ensureDependencies();
await ensureSystemPackages();
await ensureBuild();
const engine = await startDockerEngine();
try {
	mkdirSync(RESULTS, { recursive: true });
	const vitest = await runVitest(engine.env);
	const summary = addSummaries([...vitest, await runPlaywright(engine.env)]);
	const lines = summaryLines(summary);
	writeFileSync(join(RESULTS, 'summary.txt'), `${lines.at(-1)}\n`);
	process.exitCode = summary.failed.length > 0 ? 1 : 0;
	await engine.stop();
	say(`\n${lines.join('\n')}`);
} catch (error) {
	await engine.stop();
	throw error;
}
