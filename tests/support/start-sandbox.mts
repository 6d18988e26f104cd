/** A manager in little: starts one sandbox, prints its handle, and stays until it is killed. */
import { readFileSync } from 'node:fs';
import type { SandboxSpec } from '#lib/server/runner/sandbox/driver.ts';
import type { HarnessDescription } from './sandbox-harness.ts';
import { createDriver } from './sandbox-harness.ts';

interface Input {
	description: HarnessDescription;
	stateDirectory: string;
	spec: SandboxSpec;
	script: string;
}

const input = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Input;
const driver = createDriver(input.description, input.stateDirectory, ['sh', '-c', input.script]);
const started = await driver.start(input.spec, AbortSignal.timeout(30_000));
if (!started.ok) throw new Error(started.error.message);
process.stdout.write(`${JSON.stringify(started.value.ref)}\n`);
setInterval(() => undefined, 60_000);
