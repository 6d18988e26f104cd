/**
 * A Docker engine that a test may kill, stop and restart: nobody else uses it. Its one image is made of a few
 * programs of this machine, so that nothing is downloaded.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/run-program.mjs';
import { until } from './app.ts';

const run = promisify(execFile);
const PROGRAMS = ['sh', 'sleep', 'tail', 'env', 'kill'];
export const TINY_IMAGE = 'agent-manager-tiny:test';

export interface OwnDockerEngine {
	dockerHost: string;
	docker(...args: string[]): Promise<string>;
	start(options?: { liveRestore: boolean }): Promise<void>;
	/** Sends a signal; resolves when the engine is gone, unless it lives on. */
	end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
	signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
	close(): Promise<void>;
}

/** Why there can be none here, or null. */
export const whyNoEngine = (): string | null => {
	if (process.platform !== 'linux') return 'an engine of its own needs Linux';
	if (process.getuid?.() !== 0) return 'an engine of its own needs root';
	return findProgram('dockerd') && findProgram('docker')
		? null
		: 'Docker is not installed: apt install docker.io';
};

const importImage = async (folder: string, dockerHost: string): Promise<void> => {
	const root = join(folder, 'root');
	const copy = async (path: string, to = path): Promise<void> => {
		await mkdir(join(root, dirname(to)), { recursive: true });
		await copyFile(path, join(root, to));
	};
	for (const name of PROGRAMS) {
		const path = findProgram(name) ?? name;
		await copy(path, `/bin/${name}`);
		const { stdout } = await run('ldd', [path]);
		for (const [library] of stdout.matchAll(/\/\S+/g)) await copy(library);
	}
	const tar = join(folder, 'root.tar');
	await run('tar', ['--create', '--file', tar, '--directory', root, '.']);
	await run('docker', ['import', tar, TINY_IMAGE], {
		env: { ...process.env, DOCKER_HOST: dockerHost }
	});
};

export const startOwnEngine = async (): Promise<OwnDockerEngine> => {
	const folder = await mkdtemp(join(tmpdir(), 'am-dockerd-'));
	const dockerHost = `unix://${join(folder, 'docker.sock')}`;
	const namespace = `agent-manager-${randomUUID().slice(0, 8)}`;
	let child: ChildProcess | null = null;
	const docker = async (...args: string[]): Promise<string> => {
		const env = { ...process.env, DOCKER_HOST: dockerHost };
		return (await run('docker', args, { env, timeout: 30_000 })).stdout.trim();
	};
	const start = async ({ liveRestore } = { liveRestore: false }): Promise<void> => {
		const log = openSync(join(folder, 'log'), 'a');
		child = spawn(
			findProgram('dockerd') ?? 'dockerd',
			[
				...['--host', dockerHost, '--pidfile', join(folder, 'pid')],
				...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
				...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
				...['--containerd-namespace', namespace],
				...['--containerd-plugins-namespace', `${namespace}-plugins`],
				...(liveRestore ? ['--live-restore'] : [])
			],
			{ stdio: ['ignore', log, log] }
		);
		closeSync(log);
		await until(() => docker('version').catch(() => null), 'the engine');
	};
	/** It outlives an engine that was killed, or stays as a zombie that the next one would wait for. */
	const endContainerd = async (signal: NodeJS.Signals): Promise<void> => {
		const pidFile = join(folder, 'exec', 'containerd', 'containerd.pid');
		const pid = readPid(pidFile);
		if (pid !== null) process.kill(pid, signal);
		await rm(pidFile, { force: true });
	};
	const end = async (signal: NodeJS.Signals): Promise<void> => {
		const ending = child;
		if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
		const gone = new Promise((resolve) => ending.once('exit', resolve));
		ending.kill(signal);
		await gone;
		if (signal === 'SIGKILL') await endContainerd('SIGKILL');
	};
	await start();
	await importImage(folder, dockerHost);
	return {
		dockerHost,
		docker,
		start,
		end,
		signal: (signal) => void child?.kill(signal),
		close: async () => {
			child?.kill('SIGCONT');
			const ids = await docker('ps', '--all', '--quiet').catch(() => '');
			if (ids !== '') await docker('rm', '--force', ...ids.split('\n')).catch(() => '');
			await end('SIGTERM');
			await endContainerd('SIGTERM');
			// An engine that was killed leaves its data folder mounted onto itself.
			await run('umount', ['--lazy', '--recursive', join(folder, 'data')]).catch(() => undefined);
			await rm(folder, { recursive: true, force: true, maxRetries: 5 });
		}
	};
};

const readPid = (path: string): number | null => {
	try {
		const pid = Number(readFileSync(path, 'utf8'));
		process.kill(pid, 0);
		return pid;
	} catch {
		return null;
	}
};
