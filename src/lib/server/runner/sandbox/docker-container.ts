/** A sandbox as the options of a container. Pure. */
import type { RunOnceSpec, SandboxSpec } from './driver.ts';
import { BOOT_LABEL, ONCE_LABEL, toLabels } from './labels.ts';
import { INSIDE_PATH } from './bubblewrap-arguments.ts';
import type { Owner } from './sandbox-owner.ts';
import { ONCE_ENV, ONCE_LIMITS } from './run-once.ts';

const bind = (path: string, writable: boolean): object => ({
	Type: 'bind',
	Source: path,
	Target: path,
	ReadOnly: !writable
});

/** Node's path is where the image has it; the rest as in every sandbox. */
const IMAGE_PATH = INSIDE_PATH;

const userOf = (owner: Owner | null): object =>
	owner === null ? {} : { User: `${owner.uid}:${owner.gid}` };

/**
 * What every container of ours gets. `/tmp` is memory and counts to the limit. Swap is counted in,
 * so that the limit is one. Without a network there is loopback only.
 */
const hardened = (limits: SandboxSpec['limits']): object => ({
	NetworkMode: 'none',
	ReadonlyRootfs: true,
	CapDrop: ['ALL'],
	SecurityOpt: ['no-new-privileges'],
	Privileged: false,
	Init: true,
	IpcMode: 'private',
	Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${limits.memoryBytes}` },
	Memory: limits.memoryBytes,
	MemorySwap: limits.memoryBytes,
	NanoCpus: Math.round(limits.cpus * 1e9),
	PidsLimit: limits.pids,
	RestartPolicy: { Name: 'no' },
	LogConfig: { Type: 'json-file', Config: { 'max-size': '4m', 'max-file': '2' } }
});

const envList = (env: Record<string, string>): string[] =>
	Object.entries(env).map(([name, value]) => `${name}=${value}`);

/** Options for a session's container. `owner` null: the image's user. */
export const sessionContainer = (
	spec: SandboxSpec,
	image: string,
	owner: Owner | null,
	home: string,
	command: readonly string[] | null,
	bootId: string
): object => ({
	Image: image,
	Labels: { ...toLabels(spec.labels), [BOOT_LABEL]: bootId },
	...userOf(owner),
	Env: envList({ LANG: 'C.UTF-8', ...spec.env, HOME: home, PATH: IMAGE_PATH }),
	WorkingDir: spec.worktreePath,
	...(command === null ? {} : { Entrypoint: command, Cmd: [] }),
	Hostname: 'sandbox',
	Tty: false,
	HostConfig: {
		...hardened(spec.limits),
		Mounts: [
			bind(spec.mirrorObjectsPath, false),
			bind(spec.worktreePath, true),
			bind(spec.sessionFolder, true),
			bind(spec.doorDirectory, false)
		]
	}
});

/** Options for the throw-away container of one `runOnce`; the engine removes it at its end. */
export const onceContainer = (
	spec: RunOnceSpec,
	image: string,
	owner: Owner | null,
	argv: readonly string[],
	hasInput: boolean
): object => ({
	Image: image,
	Labels: { ...toLabels(spec.labels), [ONCE_LABEL]: '1' },
	...userOf(owner),
	Env: envList(ONCE_ENV),
	WorkingDir: spec.worktreePath,
	Entrypoint: argv,
	Cmd: [],
	Hostname: 'sandbox',
	Tty: false,
	AttachStdin: hasInput,
	OpenStdin: hasInput,
	StdinOnce: hasInput,
	AttachStdout: true,
	AttachStderr: true,
	HostConfig: {
		...hardened(ONCE_LIMITS),
		LogConfig: { Type: 'none', Config: {} },
		AutoRemove: true,
		Mounts: [bind(spec.mirrorObjectsPath, false), bind(spec.worktreePath, spec.writable ?? false)]
	}
});

/**
 * Options for running it in a container that is up already. `env -i`, because the engine would hand
 * the runner's environment down.
 */
export const onceExec = (
	spec: RunOnceSpec,
	owner: Owner | null,
	argv: readonly string[],
	hasInput: boolean
): object => ({
	Cmd: ['/usr/bin/env', '-i', ...envList(ONCE_ENV), ...argv],
	...userOf(owner),
	WorkingDir: spec.worktreePath,
	AttachStdin: hasInput,
	AttachStdout: true,
	AttachStderr: true,
	Tty: false
});
