/**
 * `npm run doctor [-- --json]`: looks at all that a session stands on and says in words what is
 * missing and the command that mends it. Changes nothing. Exit code 1 if no session could run.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { findProgram, runProgram } from './run-program.mjs';

const PROGRAM_TIMEOUT_MS = 10_000;

checkNodeVersion();
const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
await ensureDependencies();
if (!existsSync(join(ROOT, 'docker', 'agent-ws-client.js'))) {
	await runProgram(process.execPath, [join(ROOT, 'scripts', 'build-runner.mjs')], { quiet: true });
}
const { register } = await import('tsx/esm/api');
register();
const { examine } = await import('../src/lib/server/app-doctor.ts');
const { formatReport } = await import('../src/lib/server/health/report-text.ts');

/** @type {import('../src/lib/server/health/check.ts').RunProgram} */
async function run(program, argv) {
	const path = findProgram(program);
	if (path === null) return null;
	return new Promise((resolve) => {
		const options = {
			timeout: PROGRAM_TIMEOUT_MS,
			maxBuffer: 8 << 20,
			env: { ...process.env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' }
		};
		execFile(path, [...argv], options, (error, stdout, stderr) => {
			const code = error === null ? 0 : error.code;
			resolve({ exitCode: typeof code === 'number' ? code : null, stdout, stderr });
		});
	});
}

/** @param {string} program */
async function whereIs(program) {
	const path = findProgram(program);
	return path === null ? null : realpath(path);
}

/** @param {string} path */
const readGzipped = (path) =>
	readFile(path).then(
		(bytes) => gunzipSync(bytes).toString('utf8'),
		() => null
	);

const { report, settings } = await examine({
	tools: { run, whereIs, readGzipped },
	env: process.env,
	homeDirectory: homedir(),
	nodeVersion: process.versions.node
});
process.stdout.write(
	values.json
		? `${JSON.stringify({ ready: report.ready, checks: report.checks, settings }, null, 2)}\n`
		: `\n${formatReport(report, settings, {
				width: Math.min(process.stdout.columns ?? 100, 120),
				color: process.stdout.isTTY === true
			})}\n\n`
);
process.exitCode = report.ready ? 0 : 1;
