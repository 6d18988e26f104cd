/**
 * A private Docker engine for the tests: own socket, data and process files, no bridge, no firewall
 * rules, so that it never meets the system's engine. Started where root may, shared by everything that
 * runs at the same time, stopped by the last to leave. Its data stays for the next run.
 *
 * `AGENT_MANAGER_TEST_DOCKER_HOST` names an engine to use instead.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findProgram, runProgram } from '../../scripts/run-program.mjs';
import { makeBaseImage } from './docker-base-image.mjs';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
/** How long a lock may be without its holder's name. */
const LOCK_GRACE_MS = 5_000;

/** The Dockerfile's base, which is pulled, or made from Debian's packages where there is no registry. */
const BASE_IMAGE = 'node:22-bookworm-slim';

/** The image that `docker/build.sh` makes for the tests. */
export const TEST_IMAGE = 'agent-manager-sandbox:test';

const buildScript = fileURLToPath(new URL('../../docker/build.sh', import.meta.url));

/** @typedef {{ dockerHost: string, stop: () => Promise<void> }} Engine */
/** @typedef {{ skipped: string }} Skipped */

const cacheFolder = () =>
	join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'agent-manager-tests');

const folderOf = () => join(cacheFolder(), 'docker');

/** @param {string} dockerHost */
const answers = (dockerHost) =>
	new Promise((resolve) => {
		const ping = request(
			{ socketPath: dockerHost.slice('unix://'.length), path: '/_ping', timeout: 2_000 },
			(response) => {
				response.resume();
				resolve(response.statusCode === 200);
			}
		);
		ping.on('timeout', () => ping.destroy());
		ping.on('error', () => resolve(false));
		ping.end();
	});

/** @param {number} pid */
const isAlive = (pid) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

/** The engine's pid, if the process with it is that engine. */
const enginePid = () => {
	try {
		const pid = Number(readFileSync(join(folderOf(), 'pid'), 'utf8'));
		const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
		return command.includes(folderOf()) ? pid : null;
	} catch {
		return null;
	}
};

/** @param {() => boolean | Promise<boolean>} condition @param {number} timeoutMs */
const until = async (condition, timeoutMs) => {
	const end = Date.now() + timeoutMs;
	while (!(await condition())) {
		if (Date.now() > end) return false;
		await pause(POLL_MS);
	}
	return true;
};

/**
 * One process at a time; a lock whose holder is gone is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
const locked = async (work) => {
	const lock = join(cacheFolder(), 'docker.lock');
	const mine = `${lock}.${process.pid}`;
	for (;;) {
		try {
			mkdirSync(lock);
			await writeFile(join(lock, 'pid'), String(process.pid));
			break;
		} catch {
			const holder = Number(await readText(join(lock, 'pid')));
			const isNew = Date.now() - (await madeAt(lock)) < LOCK_GRACE_MS;
			if (holder > 0 ? !isAlive(holder) : !isNew) {
				await rename(lock, mine).catch(() => undefined);
				await rm(mine, { recursive: true, force: true });
			}
			await pause(POLL_MS);
		}
	}
	try {
		return await work();
	} finally {
		rmSync(lock, { recursive: true, force: true });
	}
};

/** @param {string} path */
const madeAt = (path) =>
	stat(path).then(
		({ mtimeMs }) => mtimeMs,
		() => Date.now()
	);

/** @param {string} path */
const readText = async (path) => {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
};

/** Pids of those that use the engine and still live; the others are forgotten. */
const users = () => {
	const folder = join(folderOf(), 'users');
	mkdirSync(folder, { recursive: true });
	return readdirSync(folder)
		.map(Number)
		.filter((pid) => {
			if (isAlive(pid)) return true;
			rmSync(join(folder, String(pid)), { force: true });
			return false;
		});
};

/** @param {string} dockerd @param {string} dockerHost */
const startEngine = async (dockerd, dockerHost) => {
	const folder = folderOf();
	rmSync(join(folder, 'pid'), { force: true });
	const log = openSync(join(folder, 'log'), 'w');
	const child = spawn(
		dockerd,
		[
			...['--host', dockerHost, '--pidfile', join(folder, 'pid')],
			...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
			...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
			// In case the system's containerd is shared, its containers are not.
			...['--containerd-namespace', 'agent-manager-tests'],
			...['--containerd-plugins-namespace', 'agent-manager-tests-plugins']
		],
		{ detached: true, stdio: ['ignore', log, log] }
	);
	closeSync(log);
	child.unref();
	/** @type {Error | null} */
	let failure = null;
	child.on('error', (error) => (failure = error));
	child.on('exit', () => (failure ??= new Error('it ended at once')));
	const up = await until(
		async () => failure !== null || (await answers(dockerHost)),
		START_TIMEOUT_MS
	);
	if (up && failure === null) {
		child.removeAllListeners();
		return null;
	}
	const words = (await readText(join(folder, 'log'))).trim().split('\n').slice(-3).join(' · ');
	return `the private Docker engine did not start: ${words || String(failure)}`;
};

const leave = () =>
	locked(async () => {
		rmSync(join(folderOf(), 'users', String(process.pid)), { force: true });
		const pid = enginePid();
		if (pid === null || users().length > 0) return;
		process.kill(pid, 'SIGTERM');
		if (!(await until(() => enginePid() === null, STOP_TIMEOUT_MS))) process.kill(pid, 'SIGKILL');
	});

/**
 * Starts the engine, or joins one that runs. The last one to call `stop` ends it; one that a killed
 * process left behind is joined, and ended, by the next.
 * @returns {Promise<Engine | Skipped>}
 */
export async function ensureDockerEngine() {
	const given = process.env.AGENT_MANAGER_TEST_DOCKER_HOST;
	if (given) return { dockerHost: given, stop: async () => undefined };
	if (process.platform !== 'linux') return { skipped: 'a private Docker engine needs Linux' };
	if (process.getuid?.() !== 0) return { skipped: 'a private Docker engine needs root' };
	const dockerd = findProgram('dockerd');
	if (!dockerd || !findProgram('docker')) {
		return { skipped: 'Docker is not installed: apt install docker.io' };
	}
	mkdirSync(join(folderOf(), 'users'), { recursive: true, mode: 0o700 });
	const dockerHost = `unix://${join(folderOf(), 'docker.sock')}`;
	const problem = await locked(async () => {
		await writeFile(join(folderOf(), 'users', String(process.pid)), '');
		if (enginePid() !== null && (await answers(dockerHost))) return null;
		const failed = await startEngine(dockerd, dockerHost);
		if (failed) rmSync(join(folderOf(), 'users', String(process.pid)), { force: true });
		else await docker(dockerHost, ['container', 'prune', '--force']);
		return failed;
	});
	return problem ? { skipped: problem } : { dockerHost, stop: leave };
}

/** @param {string} dockerHost @param {string[]} args */
const docker = (dockerHost, args) =>
	runProgram(findProgram('docker') ?? 'docker', args, {
		quiet: true,
		env: { ...process.env, DOCKER_HOST: dockerHost }
	});

/**
 * The sandbox image under `TEST_IMAGE`, built by `docker/build.sh` (quick when nothing changed). The
 * build has the host's network, since the engine has no bridge.
 * @param {string} dockerHost
 * @returns {Promise<{ image: string } | Skipped>}
 */
export async function ensureSandboxImage(dockerHost) {
	return locked(async () => {
		try {
			const has = await docker(dockerHost, ['image', 'inspect', BASE_IMAGE]).then(
				() => true,
				() => false
			);
			if (!has) {
				await docker(dockerHost, ['pull', BASE_IMAGE]).catch(() =>
					makeBaseImage({ dockerHost, name: BASE_IMAGE, folder: cacheFolder() })
				);
			}
			await runProgram(buildScript, ['--network', 'host'], {
				quiet: true,
				env: { ...process.env, DOCKER_HOST: dockerHost, CONTAINER_IMAGE: TEST_IMAGE }
			});
			return { image: TEST_IMAGE };
		} catch (error) {
			const output = /** @type {{ output?: string }} */ (error).output ?? '';
			const words = output.trim().split('\n').slice(-8).join(' · ') || String(error);
			return { skipped: `the sandbox image could not be built: ${words}` };
		}
	});
}
