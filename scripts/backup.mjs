/**
 * `npm run backup -- FILE` and `npm run restore -- FILE [--force]`: all that the app keeps, in one file and
 * back. The first works while the app runs, the second only while it does not.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNodeVersion, ensureDependencies } from './ensure-dependencies.mjs';
import { fail, say } from './progress.mjs';

const USAGE = `npm run backup -- FILE              write a backup
npm run restore -- FILE             put one into an empty workspace and database
npm run restore -- FILE --force     put one in the place of what is there`;

function readCommand() {
	try {
		const { values, positionals } = parseArgs({
			allowPositionals: true,
			options: { force: { type: 'boolean', default: false } }
		});
		const [command, file, ...more] = positionals;
		const isKnown = command === 'restore' || (command === 'backup' && !values.force);
		if (!isKnown || file === undefined || more.length > 0) return fail(USAGE);
		return { command, path: resolve(file), force: values.force };
	} catch (error) {
		return fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
	}
}

/** @param {import('@agent-manager/protocol/errors.ts').WireError} error */
const failWith = (error) => fail(`${error.message}\n${error.hint ?? ''}`.trim());

checkNodeVersion();
const { command, path, force } = readCommand();
await ensureDependencies();
const { register } = await import('tsx/esm/api');
register();
const { loadProcessConfig, formatConfigProblems } =
	await import('../src/lib/server/config-process.ts');
const { backUp, restore } = await import('../src/lib/server/app-backup.ts');

const config = loadProcessConfig();
if (!config.ok) fail(formatConfigProblems(config.error));
else if (command === 'backup') {
	const made = await backUp({ config: config.value, path, say });
	if (!made.ok) failWith(made.error);
	else {
		const { bytes, repos, sessions } = made.value;
		say(`\n${path}: ${(bytes / 1e6).toFixed(1)} MB, ${sessions} sessions, ${repos} mirrors.`);
		say('Not in it: token and secret, config.json and .env, model and GitHub logins, and files in');
		say('worktrees that were not committed. See docs/operations.md.');
	}
} else {
	const restored = await restore({ config: config.value, path, force, say });
	if (!restored.ok) failWith(restored.error);
	else {
		const { manifest, keptIn } = restored.value;
		say(`\nRestored what was backed up at ${manifest.createdAt}. Start the app with: npm start`);
		if (keptIn) say(`The folders that were there before are in ${keptIn}.`);
	}
}
