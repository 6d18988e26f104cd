/** The service `agent-image` of compose.yaml. */
import { ensureAgentImage } from '#lib/server/app-agent-image.ts';
import { formatConfigProblems, loadProcessConfig } from '#lib/server/config-process.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const main = async (): Promise<string | null> => {
	const config = loadProcessConfig();
	if (!config.ok) return formatConfigProblems(config.error);
	const made = await ensureAgentImage(config.value, say);
	return made.ok ? null : [made.error.message, made.error.hint ?? ''].join('\n').trim();
};

const problem = await main();
if (problem !== null) {
	process.stderr.write(`\nThere is no image to make sandboxes from.\n${problem}\n\n`);
	process.exitCode = 1;
}
