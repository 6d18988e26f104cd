/**
 * The runner's entry: environment in, exit code out.
 */
import { parseEnvironment } from './environment.ts';
import { createLog, errorText, type Log } from './log.ts';
import { startRunner } from './runner.ts';

/** What `sysexits` calls a configuration error. */
const EXIT_BAD_ENVIRONMENT = 78;
const EXIT_START_FAILED = 2;

const main = async (log: Log): Promise<number> => {
	let stop: () => void = () => undefined;
	let stopAsked = false;
	for (const signal of ['SIGTERM', 'SIGINT'] as const) {
		process.on(signal, () => {
			stopAsked = true;
			stop();
		});
	}
	let env;
	try {
		env = parseEnvironment(process.env);
	} catch (error) {
		log('error', errorText(error));
		return EXIT_BAD_ENVIRONMENT;
	}
	try {
		const runner = await startRunner(env, log);
		stop = runner.stop;
		if (stopAsked) stop();
		return await runner.ended;
	} catch (error) {
		log('error', 'the runner cannot go on', { error: errorText(error) });
		return EXIT_START_FAILED;
	}
};

/** The SDK warns that full autonomy asks nobody; questions and plans are asked all the same. */
const KNOWN_WARNING = 'CLAUDE_SDK_CAN_USE_TOOL_SHADOWED';

const log = createLog(process.stdout, () => new Date());
process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
	if (warning.code !== KNOWN_WARNING) log('warn', warning.message);
});
process.exit(await main(log));
