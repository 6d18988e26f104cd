/** What only the docker driver promises: hardening as the engine sees it, and engines that misbehave. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '#lib/domain/result.ts';
import { buildImage, imageSources } from '#lib/server/runner/image-build.ts';
import { connectDocker, createDockerDriver } from '#lib/server/runner/sandbox/docker-connection.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { containerName, IMAGE_LABEL, SOURCES_LABEL } from '#lib/server/runner/sandbox/labels.ts';
import { sandboxOwner } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { ensureDockerEngine, ensureSandboxImage } from '../support/docker-engine.mjs';
import type { SandboxFixture } from '../support/sandbox-fixture.ts';
import { makeSandboxFixture } from '../support/sandbox-fixture.ts';

const run = promisify(execFile);
const logger = pino({ level: 'silent' });
const signal = (): AbortSignal => AbortSignal.timeout(25_000);
const projectFile = (path: string): string =>
	fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** A socket in front of an engine that can be cut, or made to swallow everything. */
interface Wire {
	dockerHost: string;
	mode: 'pass' | 'hang' | 'refuse';
	cut(): void;
	close(): Promise<void>;
}

const makeWire = async (target: string | null): Promise<Wire> => {
	const folder = await mkdtemp(join(tmpdir(), 'am-wire-'));
	const path = join(folder, 'docker.sock');
	const open = new Set<Socket>();
	const server: Server = createServer((client) => {
		open.add(client);
		client.on('error', () => undefined).on('close', () => open.delete(client));
		if (wire.mode === 'refuse') client.destroy();
		if (wire.mode !== 'pass' || target === null) return;
		const engine = connect(target.slice('unix://'.length));
		engine.on('error', () => client.destroy());
		client.pipe(engine).pipe(client);
		client.on('close', () => engine.destroy());
	});
	const wire: Wire = {
		dockerHost: `unix://${path}`,
		mode: 'pass',
		cut: () => {
			for (const socket of open) socket.destroy();
		},
		close: async () => {
			wire.cut();
			await new Promise((resolve) => server.close(resolve));
			await rm(folder, { recursive: true, force: true });
		}
	};
	await new Promise<void>((resolve) => server.listen(path, resolve));
	return wire;
};

describe('docker driver and its engine', () => {
	let dockerHost = '';
	let image = '';
	let skipped: string | null = null;
	let stopEngine = (): Promise<void> => Promise.resolve();
	let wire: Wire;
	let fixture: SandboxFixture;
	let direct: SandboxDriver;

	beforeAll(async () => {
		const engine = await ensureDockerEngine();
		const built = 'skipped' in engine ? engine : await ensureSandboxImage(engine.dockerHost);
		if (!('skipped' in engine)) ({ dockerHost, stop: stopEngine } = engine);
		if ('skipped' in built) skipped = built.skipped;
		else image = built.image;
	}, 900_000);

	afterAll(() => stopEngine(), 60_000);

	beforeEach(async ({ skip }) => {
		if (skipped !== null) skip(skipped);
		fixture = await makeSandboxFixture();
		wire = await makeWire(dockerHost);
		direct = driverOn(dockerHost, 'sleep 60');
	});

	afterEach(async () => {
		if (skipped !== null) return;
		const listed = await direct.list(fixture.spec.labels.instance);
		if (listed.ok) for (const { ref } of listed.value) await direct.remove(ref);
		await wire.close();
		await fixture.cleanUp();
	});

	const driverOn = (host: string, script: string, name = image): SandboxDriver =>
		createDockerDriver({
			...{ image: name, logger, engine: connectDocker(host) },
			runnerCommand: ['sh', '-c', script]
		});

	const docker = async (...args: string[]): Promise<string> =>
		(await run('docker', args, { env: { ...process.env, DOCKER_HOST: dockerHost } })).stdout.trim();

	const startOn = async (driver: SandboxDriver) => {
		const started = await driver.start(fixture.spec, signal());
		if (!started.ok) throw new Error(started.error.message);
		return started.value;
	};

	it('surveys forgotten short programs, and containers that only have a name like ours', async () => {
		const { labels } = fixture.spec;
		const { session, instance } = labels;
		const named = containerName(session);
		const label = (name: string, value: string): string[] => ['--label', `${name}=${value}`];
		const ours = [
			...label('agent-manager.instance', instance),
			...label('agent-manager.session', session),
			...label('agent-manager.epoch', '1')
		];
		const once = await docker('create', ...ours, ...label('agent-manager.once', '1'), image, 'x');
		const strange = await docker('create', '--name', named, image, 'x');
		try {
			const surveyed = await direct.survey(instance);
			const found = surveyed.ok ? surveyed.value : [];
			const ownerOf = (id: string) =>
				found.find(({ ref, name }) => ref?.id === id || (id === strange && name === named));
			expect(ownerOf(once)).toMatchObject({ owner: 'once', running: false });
			expect(ownerOf(strange)).toMatchObject({ owner: 'foreign', ref: null });
			const { ref } = ownerOf(once) ?? {};
			expect(ref && (await direct.remove(ref))).toMatchObject({ ok: true });
			expect(await docker('ps', '-aq', '--filter', `id=${once}`)).toBe('');
			expect(await docker('ps', '-aq', '--filter', `id=${strange}`)).not.toBe('');
		} finally {
			await docker('rm', '-f', strange);
		}
	});

	it('gives the container no right that it does not need', async () => {
		const sandbox = await startOn(direct);
		const [found] = JSON.parse(await docker('inspect', sandbox.ref.id)) as [
			{
				Name: string;
				Config: { User: string; Labels: Record<string, string> };
				HostConfig: Record<string, unknown>;
				Mounts: { Source: string; RW: boolean }[];
				NetworkSettings: { Networks: Record<string, unknown> };
			}
		];
		const { labels, limits, ...spec } = fixture.spec;
		const { uid, gid } = sandboxOwner();
		expect(found.Name).toBe(`/${containerName(labels.session)}`);
		expect(found.Config.User).toBe(`${uid}:${gid}`);
		expect(found.Config.Labels).toMatchObject({
			'agent-manager.instance': labels.instance,
			'agent-manager.session': labels.session,
			'agent-manager.epoch': '1'
		});
		expect(found.HostConfig).toMatchObject({
			...{ NetworkMode: 'none', Privileged: false, ReadonlyRootfs: true, Init: true },
			...{ CapAdd: null, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] },
			...{ PidMode: '', IpcMode: 'private', UTSMode: '', Devices: null },
			...{ Memory: limits.memoryBytes, NanoCpus: 1e9, PidsLimit: limits.pids },
			RestartPolicy: { Name: 'no' }
		});
		expect(found.Mounts.map(({ Source, RW }) => [Source, RW]).sort()).toEqual(
			[
				[spec.mirrorObjectsPath, false],
				[spec.worktreePath, true],
				[spec.sessionFolder, true],
				[spec.doorDirectory, false]
			].sort()
		);
		expect(Object.keys(found.NetworkSettings.Networks)).toEqual(['none']);
	});

	it('says when the image is missing', async () => {
		const driver = driverOn(dockerHost, 'true', 'agent-manager-no-such-image:none');
		expect(await driver.check()).toMatchObject({
			available: false,
			problem: { code: 'sandbox_image_missing' }
		});
		expect(await driver.start(fixture.spec, signal())).toMatchObject({
			ok: false,
			error: { code: 'sandbox_image_missing' }
		});
	});

	it('does not touch a container of the same name that is not ours', async () => {
		const name = containerName(fixture.spec.labels.session);
		await docker('create', '--name', name, '--network', 'none', image, 'true');
		const started = await direct.start(fixture.spec, signal());
		expect(started).toMatchObject({ ok: false, error: { code: 'sandbox_start_failed' } });
		expect(await direct.list(fixture.spec.labels.instance)).toEqual({ ok: true, value: [] });
		expect(await docker('rm', name)).toBe(name);
	});

	it('starts a container that a killed manager only created', async () => {
		const engine = connectDocker(dockerHost);
		const { spec } = fixture;
		const first = await startOn(direct);
		const options = JSON.parse(await docker('inspect', first.ref.id)) as [
			{ Config: { Labels: Record<string, string> } }
		];
		await direct.remove(first.ref);
		const created = await engine.create(containerName(spec.labels.session), {
			...{ Image: image, Entrypoint: ['sleep', '60'], Labels: options[0].Config.Labels }
		});
		const again = await startOn(direct);
		expect(created).toEqual({ ok: true, value: again.ref.id });
		expect(await direct.list(spec.labels.instance)).toMatchObject({ value: [{ running: true }] });
	});

	it('notices within seconds when somebody removes or kills it', async () => {
		const killed = await startOn(direct);
		await docker('kill', killed.ref.id);
		expect(await killed.exited).toEqual({ cause: 'killed', exitCode: 137 });
		await direct.remove(killed.ref);
		const removed = await startOn(direct);
		await docker('rm', '--force', removed.ref.id);
		expect((await removed.exited).cause).toBe('removed');
	});

	it('stops one that is paused', async () => {
		const sandbox = await startOn(direct);
		await docker('pause', sandbox.ref.id);
		expect(await direct.list(fixture.spec.labels.instance)).toMatchObject({
			value: [{ running: true }]
		});
		await sandbox.stop(0);
		expect(await sandbox.exited).toMatchObject({ cause: 'killed' });
	});

	it('answers soon when the engine hangs', async () => {
		wire.mode = 'hang';
		const driver = driverOn(wire.dockerHost, 'true');
		const begin = performance.now();
		expect(await driver.check()).toMatchObject({
			available: false,
			problem: { code: 'engine_unreachable' }
		});
		expect(performance.now() - begin).toBeLessThan(5_000);
		const [listed, started] = await Promise.all([
			driver.list('any'),
			driver.start(fixture.spec, signal())
		]);
		expect(listed).toMatchObject({ ok: false, error: { code: 'engine_unreachable' } });
		expect(started).toMatchObject({ ok: false, error: { code: 'engine_unreachable' } });
		expect(performance.now() - begin).toBeLessThan(20_000);
	});

	it('says that there is no engine, and calls no listing empty', async () => {
		const driver = driverOn(`unix://${join(fixture.workspaceRoot, 'none.sock')}`, 'true');
		expect(await driver.check()).toMatchObject({ problem: { code: 'engine_unreachable' } });
		expect(await driver.list('any')).toMatchObject({
			ok: false,
			error: { code: 'engine_unreachable' }
		});
		const ref = { kind: 'docker' as const, id: 'x', labels: fixture.spec.labels };
		expect(await driver.remove(ref)).toMatchObject({
			ok: false,
			error: { code: 'engine_unreachable' }
		});
	});

	it('names a DOCKER_HOST that is no address', async () => {
		const before = process.env.DOCKER_HOST;
		process.env.DOCKER_HOST = 'tcp://[not an address';
		const { problem } = await createDockerDriver({ image, logger }).check();
		if (before === undefined) delete process.env.DOCKER_HOST;
		else process.env.DOCKER_HOST = before;
		expect(problem).toMatchObject({ code: 'engine_unreachable' });
		expect(problem?.message).toContain('DOCKER_HOST');
	});

	it('believes in the sandbox while the engine is away, and learns its end afterwards', async () => {
		const driver = driverOn(wire.dockerHost, 'sleep 60');
		const sandbox = await startOn(driver);
		let ended = false;
		void sandbox.exited.then(() => (ended = true));
		wire.mode = 'refuse';
		wire.cut();
		expect(await driver.list(fixture.spec.labels.instance)).toMatchObject({ ok: false });
		wire.mode = 'pass';
		expect(await driver.list(fixture.spec.labels.instance)).toMatchObject({
			value: [{ running: true }]
		});
		expect(ended).toBe(false);
		await docker('kill', sandbox.ref.id);
		expect(await sandbox.exited).toMatchObject({ exitCode: 137 });
	});

	it('builds the image through the engine and tells how it goes', async () => {
		const lines: string[] = [];
		const tag = `agent-manager-sandbox:${randomUUID()}`;
		const built = await buildImage({
			engine: connectDocker(dockerHost),
			image: tag,
			dockerFolder: projectFile('docker'),
			runnerPackagePath: projectFile('packages/runner/package.json'),
			extraCaPath: process.env.NODE_EXTRA_CA_CERTS ?? null,
			onLine: (line) => lines.push(line),
			signal: AbortSignal.timeout(600_000)
		});
		expect(built).toEqual({ ok: true, value: undefined });
		expect(lines.some((line) => line.startsWith('Step 1/'))).toBe(true);
		expect(lines.at(-1)).toMatch(/^Successfully tagged/);
		const labels = async (name: string): Promise<Record<string, string>> =>
			JSON.parse(await docker('inspect', '-f', '{{json .Config.Labels}}', name));
		const sources = await imageSources({
			dockerFolder: projectFile('docker'),
			runnerPackagePath: projectFile('packages/runner/package.json')
		});
		expect(await labels(tag)).toMatchObject({ [IMAGE_LABEL]: tag, [SOURCES_LABEL]: sources });
		// `docker/build.sh` has made this one.
		expect(await labels(image)).toMatchObject({ [IMAGE_LABEL]: image, [SOURCES_LABEL]: sources });
		expect(await docker('rmi', tag)).toContain('Untagged');
	}, 600_000);

	it('sees when the image was made from other sources, and leaves others’ images alone', async () => {
		const engine = connectDocker(dockerHost);
		const outdated = async (name: string, sources: string | null): Promise<boolean> => {
			const driver = createDockerDriver({
				...{ image: name, logger, engine },
				sources: async () => sources
			});
			return (await driver.check()).outdated;
		};
		expect(await outdated(image, 'of a newer app')).toBe(true);
		expect(await outdated(image, null)).toBe(false);
		const own = `made-from-ours:${randomUUID()}`;
		await docker('tag', image, own);
		expect(await outdated(own, 'of a newer app')).toBe(false);
		await docker('rmi', own);
	});

	it('refuses Docker Desktop in words, before a start waits for a runner in vain', async () => {
		const engine = connectDocker(dockerHost);
		const desktop = createDockerDriver({
			...{ image, logger },
			engine: {
				...engine,
				facts: async (signal) => {
					const facts = await engine.facts(signal);
					return facts.ok ? ok({ ...facts.value, operatingSystem: 'Docker Desktop' }) : facts;
				}
			}
		});
		const { available, problem } = await desktop.check();
		expect([available, problem?.code]).toEqual([false, 'sandbox_unavailable']);
		expect(problem?.message).toContain('Docker Desktop');
	});

	it('tells why a build failed', async () => {
		const built = await buildImage({
			engine: connectDocker(dockerHost),
			image: 'agent-manager-sandbox:broken',
			dockerFolder: join(fixture.workspaceRoot, 'nowhere'),
			runnerPackagePath: projectFile('packages/runner/package.json'),
			extraCaPath: null,
			onLine: () => undefined,
			signal: signal()
		});
		expect(built).toMatchObject({ ok: false, error: { code: 'sandbox_image_missing' } });
	});

	it('has the agent and the runner in the image', async () => {
		const version = await docker(
			'run',
			'--rm',
			'--entrypoint',
			'/opt/agent/claude',
			image,
			'--version'
		);
		expect(version).toMatch(/Claude Code/);
		const runner = ['run', '--rm', '--entrypoint', 'sh', image, '-c'];
		expect(await docker(...runner, 'head -c 1 /opt/agent/agent-ws-client.js | wc -c; id -u')).toBe(
			'1\n1000'
		);
	});
});
