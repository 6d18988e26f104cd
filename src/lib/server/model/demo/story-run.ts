/** Runs one command: the one in backquotes, or the tests of the repo. */
import { bash, reply, say } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { stopBecauseRefused, wasRefused } from './story-explore.ts';
import { closingNote } from './story-talk.ts';

const TESTS =
	'if [ -f package.json ] && command -v npm >/dev/null; then npm test --silent 2>&1 | tail -n 30; ' +
	'elif [ -f Cargo.toml ] && command -v cargo >/dev/null; then cargo test 2>&1 | tail -n 30; ' +
	'elif [ -f go.mod ] && command -v go >/dev/null; then go test ./... 2>&1 | tail -n 30; ' +
	'elif command -v pytest >/dev/null; then pytest -q 2>&1 | tail -n 30; ' +
	'else echo "No test command found."; fi';

/** The command of a prompt: in backquotes or quotes, after "run", or the tests. */
export function commandOf(prompt: string): string {
	const quoted = /`([^`\n]+)`|"([^"\n]+)"/.exec(prompt);
	if (quoted) return quoted[1] ?? quoted[2]!;
	if (/\btests?\b/i.test(prompt)) return TESTS;
	const plain = /^\W*(?:please )?(?:run|execute|start)\s+(?:the command\s+)?([^\n]+)/i.exec(
		prompt
	)?.[1];
	return plain && /^[a-z][\w./-]*(\s+[-\w./=*]+)*$/.test(plain.trim())
		? plain.trim()
		: 'git status';
}

export function* runStory(scene: Scene): Script {
	const command = commandOf(scene.turn.prompt);
	const [outcome] = yield reply([
		say('I run it and tell you what comes out.\n'),
		bash(command, command === TESTS ? 'Run the tests' : 'Run the command')
	]);
	if (!outcome || wasRefused(outcome)) return stopBecauseRefused(outcome?.text ?? 'no answer');
	const tail = outcome.text.trim().split('\n').slice(-12).join('\n');
	const fence = tail.includes('```') ? '~~~' : '```';
	return reply([
		say(
			`${outcome.isError ? 'It **failed**' : 'It ran to its end'}${tail === '' ? ' without output.' : `:\n\n${fence}text\n${tail}\n${fence}`}` +
				closingNote(scene)
		)
	]);
}
