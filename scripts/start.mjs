/**
 * `npm start`, on a machine with only Node and git: installs what is missing, builds what changed,
 * runs the app in this process. When nothing is missing and nothing changed it prints nothing: the
 * first words are the app's own link.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { checkNodeVersion, ensureDependencies, ROOT } from './ensure-dependencies.mjs';
import { ensureBuild } from './ensure-build.mjs';
import { ensureSandbox } from './ensure-sandbox.mjs';
import { fail, say } from './progress.mjs';

const USAGE = `npm start                    on http://127.0.0.1:3000
PORT=8080 npm start          on another port
npm start -- --port 8080     the same

More settings: .env.example`;

/** Options are only another way to set the environment. */
function readOptions() {
	try {
		return parseArgs({
			options: {
				port: { type: 'string' },
				host: { type: 'string' },
				help: { type: 'boolean', short: 'h' }
			}
		}).values;
	} catch (error) {
		return fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
	}
}

/**
 * npm starts us through a shell that does not pass signals on: `kill` of npm would leave the app
 * behind. When the shell is gone, we stop as if told so.
 */
function stopWithNpm() {
	if (process.env.npm_lifecycle_event === undefined) return;
	const parent = process.ppid;
	const watch = setInterval(() => {
		if (process.ppid === parent) return;
		clearInterval(watch);
		process.kill(process.pid, 'SIGTERM');
	}, 500);
	watch.unref();
}

checkNodeVersion();
const options = readOptions();
if (options.help) {
	say(USAGE);
	process.exit(0);
}
if (options.port !== undefined) process.env.PORT = options.port;
if (options.host !== undefined) process.env.HOST = options.host;

stopWithNpm();
await ensureDependencies();
await ensureBuild();
await ensureSandbox();
await import(pathToFileURL(join(ROOT, 'build', 'index.js')).href);
