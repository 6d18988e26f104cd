/** What only the bubblewrap driver promises: its shim, its records, and managers that are not root. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
	isStillThere,
	liveInit,
	liveProcesses,
	liveShim,
	readRecord
} from '#lib/server/runner/sandbox/bubblewrap-shim.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import type { SandboxFixture } from '../support/sandbox-fixture.ts';
import { makeSandboxFixture } from '../support/sandbox-fixture.ts';
import type { DriverHarness } from '../support/sandbox-harness.ts';
import { bubblewrapHarness } from '../support/sandbox-harness.ts';

const run = promisify(execFile);
const signal = (): AbortSignal => AbortSignal.timeout(25_000);

describe('bubblewrap driver and its shim', () => {
	let harness: DriverHarness;
	let fixture: SandboxFixture;
	let driver: SandboxDriver;

	beforeAll(async () => {
		harness = await bubblewrapHarness();
	});

	beforeEach(async ({ skip }) => {
		if (harness.skipped !== null) skip(harness.skipped);
		fixture = await makeSandboxFixture();
		driver = harness.create(fixture, ['sh', '-c', 'echo up; exec sleep 60']);
	});

	afterEach(async () => {
		if (harness.skipped !== null) return;
		const listed = await driver.list(fixture.spec.labels.instance);
		if (listed.ok) for (const { ref } of listed.value) await driver.remove(ref);
		await fixture.cleanUp();
	});

	const startOne = async () => {
		const started = await driver.start(fixture.spec, signal());
		if (!started.ok) throw new Error(started.error.message);
		return started.value;
	};

	it('takes the sandbox down when its shim is killed, and says that it was lost', async () => {
		const { ref, exited } = await startOne();
		const bootId = readRecord(ref.id)?.bootId ?? '';
		const init = liveInit(ref.id, bootId);
		process.kill(liveShim(ref.id, bootId) ?? 0, 'SIGKILL');
		expect(await exited).toEqual({ cause: 'lost', exitCode: null });
		expect(liveInit(ref.id, bootId)).toBeNull();
		expect(init).not.toBeNull();
	});

	it('takes the sandbox down when its record is taken away', async () => {
		const { ref, exited } = await startOne();
		const processes = liveProcesses(ref.id, readRecord(ref.id)?.bootId ?? '');
		expect(processes.map(isStillThere)).toEqual([true, true]);
		// As a folder above it may go, whatever is just written into it.
		await rename(ref.id, `${ref.id}.gone`);
		await rm(`${ref.id}.gone`, { recursive: true });
		expect(await exited).toEqual({ cause: 'removed', exitCode: null });
		expect(processes.map(isStillThere)).toEqual([false, false]);
	});

	it('goes on while the records of all are away with the workspace, and is found when they are back', async () => {
		const { ref, exited } = await startOne();
		const processes = liveProcesses(ref.id, readRecord(ref.id)?.bootId ?? '');
		const { stateDirectory } = fixture;
		await rename(stateDirectory, `${stateDirectory}-away`);
		// More than one look at it.
		expect(await Promise.race([exited, setTimeout(3_000, 'goes on')])).toBe('goes on');
		expect(processes.map(isStillThere)).toEqual([true, true]);
		await rename(`${stateDirectory}-away`, stateDirectory);
		const listed = await driver.list(ref.labels.instance);
		expect(listed).toMatchObject({ ok: true, value: [{ ref, running: true }] });
		await driver.remove(ref);
		expect(await exited).toMatchObject({ cause: 'removed' });
	});

	it('takes a pid of another boot, or of another process, for nobody', async () => {
		const { ref } = await startOne();
		const record = readRecord(ref.id);
		expect(liveShim(ref.id, 'another boot')).toBeNull();
		const { writeFile } = await import('node:fs/promises');
		const line = await readFile(join(ref.id, 'shim'), 'utf8');
		await writeFile(join(ref.id, 'shim'), line.replace(/^\d+/, String(process.pid)));
		expect(liveShim(ref.id, record?.bootId ?? '')).toBeNull();
		await writeFile(join(ref.id, 'shim'), line);
	});

	it('keeps no token in its records, and leaves no control group', async () => {
		const { ref } = await startOne();
		const token = fixture.spec.env.AGENT_MANAGER_TOKEN ?? '';
		for (const name of ['sandbox.json', 'shim', 'info', 'log']) {
			expect(readFileSync(join(ref.id, name), 'utf8')).not.toContain(token);
		}
		const groups = readRecord(ref.id)?.groups ?? [];
		await driver.remove(ref);
		expect(groups.filter((group) => existsSync(group))).toEqual([]);
		expect(readdirSync(fixture.stateDirectory)).toEqual(['.shared']);
	});

	it('passes on none of the files that the manager was started with', async () => {
		driver = harness.create(fixture, [
			'sh',
			'-c',
			'for fd in /proc/self/fd/*; do readlink "$fd"; done; true'
		]);
		const sandbox = await startOne();
		await sandbox.exited;
		for (const target of await sandbox.logs(50)) {
			expect(target).toMatch(/^\/dev\/null$|\/out$|^\/proc\//);
		}
	});

	it('costs less than 3 MB beside the runner', async () => {
		const { ref } = await startOne();
		const bootId = readRecord(ref.id)?.bootId ?? '';
		const shim = liveShim(ref.id, bootId) ?? 0;
		const children = (pid: number): number[] =>
			readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
				.split(' ')
				.filter(Boolean)
				.map(Number)
				.flatMap((child) => [child, ...children(child)]);
		const ours = [shim, ...children(shim)].filter(
			(pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'sleep'
		);
		const kilobytes = ours.map((pid) =>
			Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
		);
		expect(ours.length).toBeGreaterThanOrEqual(4);
		expect(kilobytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3_072);
	});

	it('works for a manager that is not root', async ({ skip }) => {
		if (process.getuid?.() !== 0) skip('the contract suite shows it');
		const allowed = await run('setpriv', [
			...['--reuid', '65534', '--regid', '65534', '--clear-groups'],
			...['bwrap', '--unshare-user', '--ro-bind', '/', '/', 'true']
		]).then(
			() => true,
			() => false
		);
		if (!allowed) skip('unprivileged users may not make namespaces here');
		const program = join(fixture.workspaceRoot, 'manager.mjs');
		await build({
			entryPoints: [
				fileURLToPath(new URL('../support/run-sandbox-unprivileged.ts', import.meta.url))
			],
			outfile: program,
			...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' },
			banner: {
				js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
			}
		});
		await chmod(fixture.workspaceRoot, 0o755);
		await run('chown', ['-R', '-h', '65534:65534', fixture.workspaceRoot]);
		const { stdout } = await run('setpriv', [
			...['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, program],
			...[fixture.stateDirectory, JSON.stringify(fixture.spec)]
		]);
		await chown(fixture.workspaceRoot, 0, 0);
		const told = JSON.parse(stdout) as { exit: unknown; logs: string[]; once: string };
		expect(told.exit).toEqual({ cause: 'exited', exitCode: 4 });
		expect(told.logs[0]).toBe('65534');
		expect(told.logs.slice(1)).toEqual(['0000000000000000', 'refused', 'door says hello']);
		expect(told.once).toBe('65534\n');
	});
});
