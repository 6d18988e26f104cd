/** `npm run dev`: the app with hot reload on port 5173. `.env` at the root is read. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { fail } from './progress.mjs';
import { runProgram } from './run-program.mjs';

checkNodeVersion();
process.chdir(ROOT);
const { values } = parseArgs({ options: { port: { type: 'string', default: '5173' } } });
await ensureDependencies();

const { createServer } = await import('vite');
const server = await createServer({ server: { port: Number(values.port) }, clearScreen: false });
await runProgram(process.execPath, [join('scripts', 'build-runner.mjs')], { quiet: true });

let stopping = false;
async function stop() {
	if (stopping) return;
	stopping = true;
	const shared = /** @type {Record<symbol, (() => Promise<void>) | undefined>} */ (
		/** @type {unknown} */ (globalThis)
	);
	await shared[Symbol.for('agent-manager.shutdown')]?.();
	await server.close();
	process.exit(0);
}
// Vite's own listener would end the process before the database is down.
process.removeAllListeners('SIGTERM');
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

const { loadConfigOrStop } = await server.ssrLoadModule('/adapter/environment.ts');
try {
	loadConfigOrStop();
} catch (error) {
	fail(error instanceof Error ? error.message : String(error));
}

try {
	await server.listen();
} catch (error) {
	fail(
		`${error instanceof Error ? error.message : error}\nChoose another port: npm run dev -- --port ${Number(values.port) + 1}`
	);
}
