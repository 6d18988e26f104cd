/** `npm run build`: the app into `build/`, the runner into `docker/agent-ws-client.js`. */
import { join } from 'node:path';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { buildWithStamp } from './ensure-build.mjs';
import { fail, say, step } from './progress.mjs';
import { runProgram } from './run-program.mjs';

checkNodeVersion();
process.chdir(ROOT);
await ensureDependencies();
process.env.NODE_ENV = 'production';
const { build } = await import('vite');
try {
	await step('Building', () =>
		buildWithStamp(async () => {
			await build({ logLevel: 'warn' });
			// After SvelteKit wrote the settings that tsconfig.json extends.
			await runProgram(process.execPath, [join('scripts', 'build-runner.mjs')]);
		})
	);
} catch (error) {
	fail(error instanceof Error ? error.message : String(error));
}
say('Start it with: node build');
