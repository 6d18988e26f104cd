/** What sandboxes of the fault suite run instead of the runner's bundle: the light runner, or the real one. */
import { setTimeout as delay } from 'node:timers/promises';
import { readAgentOptions } from '../../../packages/runner/src/agent-options.ts';
import { createLog } from '../../../packages/runner/src/log.ts';
import { parseEnvironment } from '../../../packages/runner/src/environment.ts';
import { keepSegments } from './kept-segments.ts';
import { findOrder } from './order.ts';
import { LightRunner } from './light-runner.ts';

keepSegments();
const log = createLog(process.stdout, () => new Date());
const env = parseEnvironment(process.env);
const order = findOrder(readAgentOptions(env.sessionFolder, log)?.systemPromptAppend ?? '');
if (order === null) await import('../../../packages/runner/src/main.ts');
else {
	const runner = await LightRunner.open(env, order, log);
	process.on('SIGTERM', () => runner.end('stop'));
	process.on('SIGUSR2', () => runner.cut());
	const code = await runner.run();
	// What was just said has to leave the process.
	await delay(50);
	process.exit(code);
}
