/**
 * `npm run test:fault`: breaks the built app again and again, compares what its runners wrote, its
 * database holds and its viewers saw, and prints a table. Exit code 1 when a figure misses its goal,
 * or when a server that was made wrong on purpose is not caught.
 *
 *   --only NAMES    of the figures, separated by commas; an unknown one lists them
 *   --seed N        the schedule of a run again; each run prints its own
 *   --kills N       how often the manager is killed (1000)
 *   --deaths N      how many sandboxes are ended to ask for the cause (200)
 *   --minutes N     stop killing after that long, and judge what there is
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuild } from './ensure-build.mjs';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';

checkNodeVersion();
process.chdir(ROOT);
await ensureDependencies();
await ensureBuild();
const suite = spawn(
	process.execPath,
	['--import', 'tsx', join(ROOT, 'tests', 'fault', 'main.ts'), ...process.argv.slice(2)],
	{ cwd: ROOT, stdio: 'inherit' }
);
process.on('SIGINT', () => undefined);
suite.on('exit', (code) => process.exit(code ?? 1));
