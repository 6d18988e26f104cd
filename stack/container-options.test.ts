import { describe, expect, it } from 'vitest';
import {
	onceContainer,
	onceExec,
	sessionContainer
} from '#lib/server/runner/sandbox/docker-container.ts';
import type { SandboxSpec } from '#lib/server/runner/sandbox/driver.ts';
import { checkedContainer, checkedExec, Refused, STACK_LABEL } from './container-options.ts';

const SESSION = '11111111-2222-4333-8444-555555555555';
const OTHER = '99999999-2222-4333-8444-555555555555';
const rules = { image: 'sandbox:latest', workspace: '/home/me/am', owner: '1000:1000' };
const spec: SandboxSpec = {
	labels: { instance: OTHER, session: SESSION, epoch: 1 },
	worktreePath: `/home/me/am/worktrees/${SESSION}`,
	mirrorObjectsPath: '/home/me/am/repos/owner/name.git/objects',
	sessionFolder: `/home/me/am/sessions/${SESSION}`,
	doorDirectory: `/home/me/am/sessions/${SESSION}/door`,
	env: { AGENT_MANAGER_TOKEN: 'secret' },
	limits: { cpus: 2, memoryBytes: 1 << 30, pids: 64 }
};
const owner = { uid: 1000, gid: 1000 };
const name = `agent-session-${SESSION}`;

interface Asked {
	Labels: Record<string, string>;
	HostConfig: { Mounts: object[] };
}

/** What the app asks for, as it arrives. */
const asked = (): Asked =>
	JSON.parse(JSON.stringify(sessionContainer(spec, rules.image, owner, '/home', null, 'b')));
const once = (): Asked =>
	JSON.parse(
		JSON.stringify(onceContainer({ ...spec, writable: true }, rules.image, owner, ['git'], true))
	);

describe('a container', () => {
	it('is a sandbox as the app makes it, with the stack’s label put on', () => {
		const { options, mounts } = checkedContainer(asked(), name, rules);
		const { Labels, ...rest } = asked();
		expect(options).toEqual({ ...rest, Labels: { ...Labels, [STACK_LABEL]: rules.workspace } });
		expect(mounts).toHaveLength(4);
		expect(checkedContainer(once(), null, rules).options).toMatchObject({ Entrypoint: ['git'] });
	});

	const host = (change: object): object => ({
		...asked(),
		HostConfig: { ...asked().HostConfig, ...change }
	});
	const mounts = (change: object): object => {
		const [first, ...others] = asked().HostConfig.Mounts;
		return host({ Mounts: [{ ...first, ...change }, ...others] });
	};
	const at = (path: string, more: object = {}): object =>
		mounts({ Source: path, Target: path, ...more });

	it.each<[string, object]>([
		['another image', { ...asked(), Image: 'debian' }],
		['root', { ...asked(), User: '0:0' }],
		['another user', { ...asked(), User: '1001:1000' }],
		['no user', { ...asked(), User: undefined }],
		['a key in other letters', { ...asked(), hostconfig: { Privileged: true } }],
		['volumes of its own', { ...asked(), Volumes: { '/x': {} } }],
		['a network', { ...asked(), NetworkingConfig: {} }],
		['a health check', { ...asked(), Healthcheck: { Test: ['CMD', 'x'] } }],
		[
			'the stack’s label',
			{ ...asked(), Labels: { ...asked().Labels, [STACK_LABEL]: rules.workspace } }
		],
		['no session', { ...asked(), Labels: { 'agent-manager.instance': OTHER } }],
		[
			'labels of others',
			{ ...asked(), Labels: { ...asked().Labels, 'com.docker.compose.project': 'x' } }
		],
		['privileged', host({ Privileged: true })],
		['the host’s network', host({ NetworkMode: 'host' })],
		['the network of another', host({ NetworkMode: 'container:database' })],
		['a capability', host({ CapAdd: ['SYS_ADMIN'] })],
		['capabilities kept', host({ CapDrop: [] })],
		['devices', host({ Devices: [{ PathOnHost: '/dev/sda' }] })],
		['binds', host({ Binds: ['/:/host'] })],
		['volumes from another', host({ VolumesFrom: ['database'] })],
		['the host’s processes', host({ PidMode: 'host' })],
		['the host’s memory', host({ IpcMode: 'host' })],
		[
			'no filter of system calls',
			host({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] })
		],
		['new privileges', host({ SecurityOpt: [] })],
		['a root that may be written', host({ ReadonlyRootfs: false })],
		['a cgroup of its own choice', host({ CgroupParent: '/' })],
		['another runtime', host({ Runtime: 'x' })],
		['no limit of memory', host({ Memory: 0 })],
		['swap', host({ MemorySwap: -1 })],
		['a restart by the engine', host({ RestartPolicy: { Name: 'always' } })],
		['a log that is sent away', host({ LogConfig: { Type: 'syslog', Config: {} } })],
		['a tmpfs elsewhere', host({ Tmpfs: { '/etc': 'rw' } })],
		['a mount of the root', at('/')],
		['a mount of the engine’s socket', at('/var/run/docker.sock', { ReadOnly: true })],
		['a mount of the whole workspace', at('/home/me/am', { ReadOnly: true })],
		['a mount of the token', at('/home/me/am/token', { ReadOnly: true })],
		['a mount beside the workspace', at('/home/me/am-2/repos/x.git/objects', { ReadOnly: true })],
		['a mount with a way up', at('/home/me/am/repos/../../.ssh/x.git/objects', { ReadOnly: true })],
		[
			'a mirror’s objects, writable',
			at('/home/me/am/repos/owner/name.git/objects', { ReadOnly: false })
		],
		['a mirror’s hooks', at('/home/me/am/repos/owner/name.git/hooks', { ReadOnly: true })],
		['another session’s worktree', at(`/home/me/am/worktrees/${OTHER}`)],
		['another session’s folder, to read', at(`/home/me/am/sessions/${OTHER}`, { ReadOnly: true })],
		['a door, writable', at(spec.doorDirectory, { ReadOnly: false })],
		['a mount elsewhere', mounts({ Target: '/usr/bin' })],
		['a volume', mounts({ Type: 'volume' })],
		['a mount that spreads', mounts({ BindOptions: { Propagation: 'rshared' } })]
	])('is refused with %s', (_, options) => {
		expect(() => checkedContainer(options, name, rules)).toThrow(Refused);
	});

	it('is refused under another name', () => {
		expect(() => checkedContainer(asked(), `agent-session-${OTHER}`, rules)).toThrow(Refused);
		expect(() => checkedContainer(asked(), 'database', rules)).toThrow(Refused);
	});
});

describe('a program in a container', () => {
	const program = (): object =>
		JSON.parse(JSON.stringify(onceExec(spec, owner, ['git', 'log'], true)));

	it('is one as the app runs it', () => {
		expect(checkedExec(program(), rules)).toEqual(program());
	});

	it.each<[string, object]>([
		['as root', { User: '0:0' }],
		['with privileges', { Privileged: true }],
		['with an environment', { Env: ['LD_PRELOAD=/x'] }],
		['with a terminal', { Tty: true }]
	])('is refused %s', (_, change) => {
		expect(() => checkedExec({ ...program(), ...change }, rules)).toThrow(Refused);
	});
});
