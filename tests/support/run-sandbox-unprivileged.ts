/** Bundled and run as another user by the bubblewrap tests: one sandbox and one `runOnce`, told as JSON. */
import { Writable } from 'node:stream';
import pino from 'pino';
import { createBubblewrapDriver } from '#lib/server/runner/sandbox/bubblewrap.ts';
import type { SandboxSpec } from '#lib/server/runner/sandbox/driver.ts';

const [stateDirectory = '', specText = ''] = process.argv.slice(2);
const spec = JSON.parse(specText) as SandboxSpec;
const { execPath } = process;
const connect = `require('node:net').connect(process.env.AGENT_MANAGER_DOOR).on('data', (data) => console.log(String(data)))`;
const script = `id -u; sed -n 's/^CapEff:.//p' /proc/self/status; unshare -r true 2>/dev/null || echo refused; node -e "${connect}"; exit 4`;
const driver = createBubblewrapDriver({
	...{ stateDirectory, logger: pino({ level: 'silent' }), runnerCommand: ['sh', '-c', script] },
	...{ nodePath: execPath, runnerBundlePath: execPath, claudePath: execPath }
});
const keepAlive = setInterval(() => undefined, 1_000);
const started = await driver.start(spec, AbortSignal.timeout(20_000));
if (!started.ok) throw new Error(started.error.message);
const exit = await started.value.exited;
const logs = await started.value.logs(20);
let once = '';
const stdout = new Writable({
	write: (chunk: Buffer, _, done) => {
		once += chunk.toString('utf8');
		done();
	}
});
await driver.runOnce(spec, ['id', '-u'], { stdout }, AbortSignal.timeout(20_000));
await driver.remove(started.value.ref);
clearInterval(keepAlive);
process.stdout.write(JSON.stringify({ exit, logs, once }));
