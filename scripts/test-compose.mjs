/**
 * `npm run test:compose`: the stack of `compose.yaml`, built and used for real on the tests' own Docker engine. Needs
 * Docker Compose v2, and minutes the first time: the images are built as a person builds them.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { runProgram } from './run-program.mjs';

checkNodeVersion();
process.chdir(ROOT);
await ensureDependencies();
// The settings that tsconfig.json extends; the app itself is built in its image.
await runProgram(process.execPath, ['node_modules/@sveltejs/kit/svelte-kit.js', 'sync'], {
	quiet: true
});
const config = join('tests', 'compose', 'playwright.config.ts');
const tests = spawn(
	process.execPath,
	['node_modules/@playwright/test/cli.js', 'test', '--config', config, ...process.argv.slice(2)],
	{ stdio: 'inherit' }
);
process.on('SIGINT', () => undefined);
tests.on('exit', (code) => process.exit(code ?? 1));
