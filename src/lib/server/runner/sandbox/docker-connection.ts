/**
 * The way to an engine: through DOCKER_HOST, else at the usual places. dockerode takes longer to load
 * than the rest of the app, so it is loaded when there is an engine to be asked.
 */
import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { DockerOptions } from 'dockerode';
import { fail } from '#lib/domain/result.ts';
import { engineOver } from './docker.ts';
import { makeDockerDriver, type DockerDriverOptions } from './docker-driver.ts';
import type { DockerEngine } from './docker-engine.ts';
import type { SandboxDriver } from './driver.ts';

/** The sockets of a system engine, of Docker Desktop and of a rootless engine, in that order. */
const usualSocket = (): string | undefined => {
	const uid = process.getuid?.() ?? 0;
	return [
		'/var/run/docker.sock',
		join(homedir(), '.docker/run/docker.sock'),
		`/run/user/${uid}/docker.sock`
	].find((path) => existsSync(path));
};

/** DOCKER_HOST and the variables for TLS are read by dockerode itself. null: no engine is there. */
const connectOptions = (
	dockerHost: string | undefined
): (DockerOptions & { agent?: Agent }) | null => {
	const host = dockerHost ?? process.env.DOCKER_HOST;
	if (host?.startsWith('unix://')) {
		return { socketPath: host.slice('unix://'.length), agent: new Agent({ keepAlive: false }) };
	}
	if (host !== undefined && host !== '') return {};
	const socketPath = usualSocket();
	return socketPath === undefined ? null : { socketPath, agent: new Agent({ keepAlive: false }) };
};

type Call = (...given: never[]) => Promise<unknown>;

const CALLS = {
	...{ facts: 0, imageLabels: 0, build: 0, create: 0, start: 0, inspect: 0, happenings: 0 },
	...{ waitUntilStopped: 0, kill: 0, unpause: 0, remove: 0, logs: 0, list: 0, listNamed: 0 },
	...{ exec: 0, runAttached: 0 }
} satisfies Record<keyof DockerEngine, 0>;

/** An engine with each call made by `make`. */
const engineOf = (make: (name: keyof DockerEngine) => Call): DockerEngine =>
	Object.fromEntries(
		Object.keys(CALLS).map((name) => [name, make(name as keyof DockerEngine)])
	) as unknown as DockerEngine;

/** Can't even be addressed: every call says why. */
const unusable = (message: string): DockerEngine =>
	engineOf(() => () => Promise.resolve(fail({ kind: 'unreachable', message })));

const connect = async (options: DockerOptions): Promise<DockerEngine> => {
	const { default: Docker } = await import('dockerode');
	try {
		return engineOver(new Docker(options));
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return unusable(`DOCKER_HOST can't be used: ${why}`);
	}
};

const NOT_THERE = unusable('The Docker engine does not answer (it has no socket).');

/**
 * A connection to the engine that `dockerHost` names, else DOCKER_HOST, else the usual sockets, looked
 * for until there is one. Nothing is asked yet; an address that is none, or a certificate that can't be
 * read, shows with the first call.
 */
export const connectDocker = (dockerHost?: string): DockerEngine => {
	let connecting: Promise<DockerEngine> | null = null;
	const engine = async (): Promise<DockerEngine> => {
		const options = connecting ? null : connectOptions(dockerHost);
		if (options) connecting = connect(options);
		return connecting ?? NOT_THERE;
	};
	return engineOf(
		(name) =>
			async (...given) =>
				((await engine())[name] as Call)(...given)
	);
};

/** The docker driver over an engine; connects as `connectDocker` does when none is given. */
export const createDockerDriver = (
	options: DockerDriverOptions & { engine?: DockerEngine }
): SandboxDriver => makeDockerDriver(options.engine ?? connectDocker(), options);
