#!/usr/bin/env node
/** `agent-manager COMMAND …`: the same programs as `npm run COMMAND -- …`, from any folder. */
const COMMANDS = {
	start: 'start.mjs',
	doctor: 'doctor.mjs',
	backup: 'backup.mjs',
	restore: 'backup.mjs'
};

const USAGE = `agent-manager start [--port PORT] [--host HOST]
agent-manager doctor [--json]
agent-manager backup FILE
agent-manager restore FILE [--force]`;

const command = process.argv[2] ?? '';
if (!Object.hasOwn(COMMANDS, command)) {
	const isHelp = command === '--help' || command === '-h';
	process[isHelp ? 'stdout' : 'stderr'].write(`${USAGE}\n`);
	process.exit(isHelp ? 0 : 1);
}
const script = COMMANDS[/** @type {keyof typeof COMMANDS} */ (command)];
// The one script of two commands reads which one it is; the others take only options.
if (script !== 'backup.mjs') process.argv.splice(2, 1);
await import(new URL(`../scripts/${script}`, import.meta.url).href);
