/**
 * `npm run bench`: measures the product against its limits and prints a table. A figure that misses its
 * goal says MISSED; the exit code is 0 unless something broke, because machines differ.
 *
 *   --only NAMES   session, answer, docker, crowd, durable, viewers, away, page, worktree, changes, transcript, typing,
 *                  memory; separated by commas. Only when they are named: start, and compose, which builds the images of
 *                  the stack first
 *   --runs N       interleaved runs of each figure
 *   --json         rows as JSON instead of a table
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuild } from './ensure-build.mjs';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';

checkNodeVersion();
process.chdir(ROOT);
await ensureDependencies();
await ensureBuild();
const bench = spawn(
	process.execPath,
	['--import', 'tsx', join(ROOT, 'bench', 'main.ts'), ...process.argv.slice(2)],
	{ cwd: ROOT, stdio: 'inherit' }
);
process.on('SIGINT', () => undefined);
bench.on('exit', (code) => process.exit(code ?? 1));
