/** How the contract suite gets at each driver: made for a fixture, or the reason why it can't be. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pino from 'pino';
import { createBubblewrapDriver } from '#lib/server/runner/sandbox/bubblewrap.ts';
import { findBubblewrap } from '#lib/server/runner/sandbox/bubblewrap-host.ts';
import { connectDocker, createDockerDriver } from '#lib/server/runner/sandbox/docker-connection.ts';
import type { SandboxDriver, SandboxRef } from '#lib/server/runner/sandbox/driver.ts';
import { ensureDockerEngine, ensureSandboxImage } from './docker-engine.mjs';
import type { SandboxFixture } from './sandbox-fixture.ts';

const run = promisify(execFile);
const startProgram = fileURLToPath(new URL('./start-sandbox.mts', import.meta.url));
const tsxLoader = import.meta.resolve('tsx');

export interface DriverHarness {
	kind: 'docker' | 'bubblewrap';
	/** Of the docker driver, where there is one. */
	docker: { dockerHost: string; image: string } | null;
	/** Why there is no such driver here. */
	skipped: string | null;
	/** `command` runs in the place of the runner. */
	create(fixture: SandboxFixture, command: readonly string[]): SandboxDriver;
	/** Starts a sandbox from a process of its own, which is then killed with SIGKILL. */
	startInKilledProcess(fixture: SandboxFixture, script: string): Promise<SandboxRef>;
	/** What is kept of a sandbox's output. */
	logBytes(ref: SandboxRef): Promise<number>;
	close(): Promise<void>;
}

export interface HarnessDescription {
	kind: 'docker' | 'bubblewrap';
	dockerHost: string | null;
	image: string;
}

/** Makes the driver that a description names; also used by the process that is killed. */
export const createDriver = (
	{ kind, dockerHost, image }: HarnessDescription,
	stateDirectory: string,
	runnerCommand: readonly string[]
): SandboxDriver => {
	const logger = pino({ level: 'silent' });
	if (kind === 'docker') {
		const engine = connectDocker(dockerHost ?? undefined);
		return createDockerDriver({ image, logger, runnerCommand, engine });
	}
	return createBubblewrapDriver({
		...{ stateDirectory, logger, runnerCommand, nodePath: process.execPath },
		// What is not run need not be the real thing.
		...{ runnerBundlePath: process.execPath, claudePath: process.execPath }
	});
};

const startInKilledProcess = async (
	description: HarnessDescription,
	fixture: SandboxFixture,
	script: string
): Promise<SandboxRef> => {
	const input = join(fixture.workspaceRoot, 'start.json');
	const { stateDirectory, spec } = fixture;
	await writeFile(input, JSON.stringify({ description, stateDirectory, spec, script }));
	const child = spawn(process.execPath, ['--import', tsxLoader, startProgram, input], {
		stdio: ['ignore', 'pipe', 'inherit']
	});
	for await (const line of createInterface({ input: child.stdout })) {
		child.kill('SIGKILL');
		return JSON.parse(line) as SandboxRef;
	}
	throw new Error('the process that was to start a sandbox ended without');
};

const harnessOf = (
	description: HarnessDescription,
	skipped: string | null,
	rest: Pick<DriverHarness, 'logBytes' | 'close'>
): DriverHarness => ({
	kind: description.kind,
	docker:
		description.dockerHost === null
			? null
			: { dockerHost: description.dockerHost, image: description.image },
	skipped,
	create: (fixture, command) => createDriver(description, fixture.stateDirectory, command),
	startInKilledProcess: (fixture, script) => startInKilledProcess(description, fixture, script),
	...rest
});

export const bubblewrapHarness = async (): Promise<DriverHarness> => {
	const bwrap = findBubblewrap();
	let skipped = bwrap ? null : 'bubblewrap is not installed: apt install bubblewrap';
	if (bwrap && process.getuid?.() !== 0) {
		const works = await run(bwrap, ['--unshare-user', '--ro-bind', '/', '/', 'true']).then(
			() => true,
			() => false
		);
		if (!works) skipped = 'this user may not make namespaces';
	}
	return harnessOf({ kind: 'bubblewrap', dockerHost: null, image: '' }, skipped, {
		logBytes: async ({ id }) => {
			const sizes = ['log', 'log.old']
				.map((name) => join(id, name))
				.filter((path) => existsSync(path))
				.map(async (path) => (await stat(path)).size);
			return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
		},
		close: () => Promise.resolve()
	});
};

export const dockerHarness = async (): Promise<DriverHarness> => {
	const engine = await ensureDockerEngine();
	const image = 'skipped' in engine ? engine : await ensureSandboxImage(engine.dockerHost);
	const skipped = 'skipped' in image ? image.skipped : null;
	const description: HarnessDescription = {
		kind: 'docker',
		dockerHost: 'skipped' in engine ? null : engine.dockerHost,
		image: 'skipped' in image ? '' : image.image
	};
	return harnessOf(description, skipped, {
		logBytes: async ({ id }) => {
			const env = { ...process.env, DOCKER_HOST: description.dockerHost ?? '' };
			const options = { env, maxBuffer: 1 << 28 };
			return (await run('docker', ['logs', id], options)).stdout.length;
		},
		close: async () => {
			if (!('skipped' in engine)) await engine.stop();
		}
	});
};
