/**
 * The stack of `compose.yaml` as a person has it, on the tests' own engine, under a name, ports and a workspace of its
 * own. Bases that can't be pulled are made from Debian's packages first, under their public names.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestApp, until } from '../support/app.ts';
import { ensureDockerEngine, ensureSandboxImage } from '../support/docker-engine.mjs';
import { freePort } from '../support/free-port.ts';
import { makeRepo } from '../support/lifecycle.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const LINK = /ready:\s+(http\S+)/;

/** Of the first user of most machines; the app's in its container. */
export const OWNER = 1000;

export interface ComposeStack {
	/** The app behind the stack's port; it is started and stopped by `up` and `down`. */
	app: TestApp;
	/** A local repo that is mounted into the app. */
	repo: string;
	/** `docker ARGS`, its standard output. */
	docker(...args: string[]): Promise<string>;
	/** `docker compose ARGS`, all that it says; `env` on top of the stack's own. Rejects when it fails. */
	compose(args: string[], env?: Record<string, string>): Promise<string>;
	/** `up -d`, and the app's link from its log. */
	up(...args: string[]): Promise<void>;
	/** What a service has said. */
	logs(service: string): Promise<string>;
	close(): Promise<void>;
}

/** The version of the server that Debian has. */
const ensurePostgresImage = async (docker: ComposeStack['docker']): Promise<string> => {
	const name = 'agent-manager-postgres:test';
	const folder = join(import.meta.dirname, 'postgres-image');
	await docker('build', '--quiet', '--network', 'host', '--tag', name, folder);
	const version = await docker('run', '--rm', '--entrypoint', 'ls', name, '/usr/lib/postgresql');
	await docker('tag', name, `postgres:${version.trim()}-bookworm`);
	return version.trim();
};

/** What differs here: builds reach the network through the host's, and a repo of this machine is mounted. */
const overrides = (repo: string): string =>
	JSON.stringify({
		services: { app: { build: { network: 'host' }, volumes: [`${repo}:${repo}:ro`] } }
	});

/** Ready to be started, or why it can't be. */
export const makeComposeStack = async (): Promise<ComposeStack | { skipped: string }> => {
	const hasCompose = await run('docker', ['compose', 'version', '--short']).then(
		({ stdout }) => /^v?[2-9]\d*\./.test(stdout),
		() => false
	);
	if (!hasCompose) return { skipped: 'Docker Compose v2 is not installed' };
	const engine = await ensureDockerEngine();
	if ('skipped' in engine) return engine;
	const base = await ensureSandboxImage(engine.dockerHost);
	if ('skipped' in base) return base;

	const folder = await mkdtemp(join(tmpdir(), 'am-compose-'));
	const [workspace, repo] = [join(folder, 'workspace'), join(folder, 'repo')];
	const baseEnv = {
		...process.env,
		DOCKER_HOST: engine.dockerHost,
		// The engine's own builder, which is what an engine without BuildKit has.
		DOCKER_BUILDKIT: '0'
	};
	const docker: ComposeStack['docker'] = async (...args) =>
		(await run('docker', args, { env: baseEnv })).stdout;
	const [port, databasePort] = [await freePort(), await freePort()];
	const stackEnv = {
		...baseEnv,
		COMPOSE_PROJECT_NAME: `agent-manager-test-${process.pid}`,
		COMPOSE_FILE: [join(ROOT, 'compose.yaml'), join(folder, 'override.json')].join(':'),
		COMPOSE_WORKSPACE: workspace,
		DOCKER_SOCKET: engine.dockerHost.slice('unix://'.length),
		CONTAINER_IMAGE: 'agent-manager-sandbox:compose',
		POSTGRES_MAJOR: await ensurePostgresImage(docker),
		PORT: String(port),
		DATABASE_PORT: String(databasePort),
		MODEL_UPSTREAM: 'demo',
		APP_UID: String(OWNER),
		APP_GID: String(OWNER)
	};
	await mkdir(repo);
	makeRepo(repo);
	await run('chown', ['-R', `${OWNER}:${OWNER}`, repo]);
	await writeFile(join(folder, 'override.json'), overrides(repo));

	const compose: ComposeStack['compose'] = async (args, env = {}) => {
		const options = { cwd: ROOT, env: { ...stackEnv, ...env }, maxBuffer: 1 << 26 };
		const { stdout, stderr } = await run('docker', ['compose', ...args], options);
		return stdout + stderr;
	};
	const app = new TestApp({ WORKSPACE_ROOT: workspace }, { home: folder });
	app.origin = `http://127.0.0.1:${port}`;
	const logs = (service: string): Promise<string> =>
		compose(['logs', '--no-color', '--no-log-prefix', service]);
	return {
		...{ app, repo, docker, compose, logs },
		up: async (...args) => {
			await compose(['up', '--detach', ...args]);
			app.link = await until(
				async () => LINK.exec(await logs('app'))?.[1],
				'the link in the log',
				120_000
			);
		},
		close: async () => {
			const ids = await docker(
				'ps',
				'--all',
				'--quiet',
				'--filter',
				`label=agent-manager.stack=${workspace}`
			);
			await compose(['down', '--volumes', '--timeout', '5']);
			if (ids !== '') await docker('rm', '--force', ...ids.trim().split('\n'));
			await rm(folder, { recursive: true, force: true });
			await engine.stop();
		}
	};
};
