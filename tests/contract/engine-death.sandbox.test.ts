/** Why containers end, told by a real engine that is killed, restarted and frozen itself. */
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDocker, createDockerDriver } from '#lib/server/runner/sandbox/docker-connection.ts';
import type { RunningSandbox, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { makeSandboxFixture, type SandboxFixture } from '../support/sandbox-fixture.ts';
import {
	startOwnEngine,
	TINY_IMAGE,
	whyNoEngine,
	type OwnDockerEngine
} from '../support/own-docker-engine.ts';

const logger = pino({ level: 'silent' });
const skipped = whyNoEngine();
/** Takes all the memory there is. */
const HOG = 'tail /dev/zero';

describe.skipIf(skipped)(`why a container ended${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
	let engine: OwnDockerEngine;
	let fixture: SandboxFixture;
	let drivers: SandboxDriver[] = [];

	beforeAll(async () => {
		engine = await startOwnEngine();
	}, 120_000);
	afterAll(() => engine.close(), 120_000);
	beforeEach(async () => {
		fixture = await makeSandboxFixture();
		drivers = [];
	});
	afterEach(async () => {
		const [driver] = drivers;
		const listed = await driver?.list(fixture.spec.labels.instance);
		if (listed?.ok) for (const { ref } of listed.value) await driver?.remove(ref);
		await fixture.cleanUp();
	}, 60_000);

	const start = async (
		script: string
	): Promise<{ driver: SandboxDriver; sandbox: RunningSandbox }> => {
		const driver = createDockerDriver({
			...{ image: TINY_IMAGE, logger, engine: connectDocker(engine.dockerHost) },
			runnerCommand: ['sh', '-c', script]
		});
		drivers.push(driver);
		const started = await driver.start(fixture.spec, AbortSignal.timeout(30_000));
		if (!started.ok) throw new Error(started.error.message);
		return { driver, sandbox: started.value };
	};
	/** The cause, and how long it took to tell. */
	const causeAfter = async (sandbox: RunningSandbox, kill: () => Promise<unknown>) => {
		const begun = performance.now();
		await kill();
		const { cause } = await sandbox.exited;
		return { cause, soon: performance.now() - begun < 5_000 };
	};

	it('a kill, a removal by force, an end of its own', async () => {
		const killed = await start('sleep 60');
		expect(
			await causeAfter(killed.sandbox, () => engine.docker('kill', killed.sandbox.ref.id))
		).toEqual({ cause: 'killed', soon: true });
		await killed.driver.remove(killed.sandbox.ref);
		const removed = await start('sleep 60');
		expect(
			await causeAfter(removed.sandbox, () =>
				engine.docker('rm', '--force', removed.sandbox.ref.id)
			)
		).toEqual({ cause: 'removed', soon: true });
		const ended = await start('exit 3');
		expect(await ended.sandbox.exited).toEqual({ cause: 'exited', exitCode: 3 });
	}, 60_000);

	it('memory that ran out for the whole of it, and for a child of it long before a kill', async () => {
		const first = await start(`exec ${HOG}`);
		expect(await first.sandbox.exited).toEqual({ cause: 'oom', exitCode: 137 });
		await first.driver.remove(first.sandbox.ref);
		const second = await start(`${HOG}; echo lives on; exec sleep 60`);
		// The shell's own "Killed" comes by the other stream: which of the two the engine logs last is open.
		while (!(await second.sandbox.logs(5)).includes('lives on'));
		// Longer ago than what counts as the reason.
		await new Promise((resolve) => setTimeout(resolve, 9_000));
		expect(
			await causeAfter(second.sandbox, () => engine.docker('kill', second.sandbox.ref.id))
		).toEqual({ cause: 'killed', soon: true });
	}, 90_000);

	it('a pause is none, and is seen', async () => {
		const { sandbox } = await start('sleep 60');
		expect(await sandbox.condition()).toBe('running');
		await engine.docker('pause', sandbox.ref.id);
		expect(await sandbox.condition()).toBe('paused');
		await sandbox.stop(0);
		expect((await sandbox.exited).cause).toBe('killed');
	}, 60_000);

	it.each(['SIGTERM', 'SIGKILL'] as const)(
		'an engine that ended by %s takes it along',
		async (signal) => {
			const { driver, sandbox } = await start('trap "exit 0" TERM; while :; do sleep 0.1; done');
			await engine.end(signal);
			expect(await sandbox.condition()).toBe('unknown');
			expect((await driver.list(fixture.spec.labels.instance)).ok).toBe(false);
			await engine.start();
			const begun = performance.now();
			expect((await sandbox.exited).cause).toBe('engine');
			expect(performance.now() - begun).toBeLessThan(30_000);
		},
		120_000
	);

	it('an engine with live-restore does not, and is not blamed later', async () => {
		await engine.end('SIGTERM');
		await engine.start({ liveRestore: true });
		const { driver, sandbox } = await start('exec sleep 600');
		await engine.end('SIGTERM');
		await engine.start({ liveRestore: true });
		expect(await driver.list(fixture.spec.labels.instance)).toMatchObject({
			value: [{ running: true }]
		});
		// Seen to run by the watch, which asks again after 5 s at the latest.
		await new Promise((resolve) => setTimeout(resolve, 6_000));
		expect(await causeAfter(sandbox, () => engine.docker('kill', sandbox.ref.id))).toEqual({
			cause: 'killed',
			soon: true
		});
	}, 120_000);

	it('an engine that hangs holds nobody up for more than 10 s, and nothing is concluded', async () => {
		const { driver, sandbox } = await start('sleep 600');
		engine.signal('SIGSTOP');
		const begun = performance.now();
		const [listed, condition, checked] = await Promise.all([
			driver.list(fixture.spec.labels.instance),
			sandbox.condition(),
			driver.check()
		]);
		expect(performance.now() - begun).toBeLessThan(11_000);
		expect([listed.ok, condition, checked.available]).toEqual([false, 'unknown', false]);
		engine.signal('SIGCONT');
		expect(await driver.list(fixture.spec.labels.instance)).toMatchObject({
			value: [{ running: true }]
		});
	}, 60_000);
});
