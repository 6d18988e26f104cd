/**
 * What a bubblewrap sandbox sees, as arguments of `bwrap`. Only what is named here exists inside: the
 * system's programs and libraries, our three programs, and the session's own folders. Pure.
 */
import { dirname } from 'node:path';
import type { Owner } from './sandbox-owner.ts';

/** Where our programs are inside, the same as in the Docker image. */
export const INSIDE = {
	bin: '/opt/agent/bin',
	node: '/opt/agent/bin/node',
	npm: '/opt/agent/lib/node_modules/npm',
	claude: '/opt/agent/claude',
	runner: '/opt/agent/agent-ws-client.js',
	/** Says that the runner is an ES module. */
	manifest: '/opt/agent/package.json'
} as const;

export const INSIDE_PATH = `${INSIDE.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** Top-level folders and links of the host, as `lstat` and `readlink` found them. */
export interface SystemFolder {
	path: string;
	/** Target when the folder is a link, as `/bin` to `usr/bin`. */
	link: string | null;
}

export interface BubblewrapHost {
	system: readonly SystemFolder[];
	/** Those of `/etc` that exist and hold nothing private. */
	etc: readonly string[];
	/** Files made by us: where on the host and where inside. */
	synthetic: readonly { source: string; target: string }[];
	/** Set when the manager is root: mounts are made as root, then the uid is dropped inside. */
	dropTo: Owner | null;
	/** `--size` of a tmpfs came with 0.7. */
	canSizeTmpfs: boolean;
}

export interface BubblewrapBind {
	path: string;
	/** Where inside; the same path when left out. */
	target?: string;
	writable?: boolean;
}

/** Below `/etc`: what programs need to run and to trust certificates. */
export const SHARED_ETC = [
	'ld.so.cache',
	'ld.so.conf',
	'ld.so.conf.d',
	'alternatives',
	'ssl/certs',
	'ssl/openssl.cnf',
	'pki/tls/certs',
	'pki/ca-trust/extracted',
	'ca-certificates',
	'localtime',
	'mime.types',
	'os-release'
] as const;

export const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** Every folder above a path, outermost first: made by name, so that they are open to the sandbox's uid. */
const parentsOf = (path: string): string[] => {
	const parents: string[] = [];
	for (let at = dirname(path); at !== '/' && at !== '.'; at = dirname(at)) parents.unshift(at);
	return parents;
};

const bindArguments = (bind: BubblewrapBind): string[] => {
	const target = bind.target ?? bind.path;
	return [
		...parentsOf(target).flatMap((parent) => ['--perms', '0755', '--dir', parent]),
		bind.writable ? '--bind' : '--ro-bind',
		bind.path,
		target
	];
};

/**
 * Not `--unshare-all` as root: that makes a user namespace in which our unprivileged uid does not
 * exist. Instead root keeps just the three capabilities that the drop of uid needs.
 */
const namespaceArguments = (dropTo: Owner | null): string[] => [
	...(dropTo === null ? ['--unshare-user'] : []),
	...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
	...['--hostname', 'sandbox', '--new-session', '--die-with-parent', '--as-pid-1'],
	...['--cap-drop', 'ALL'],
	...(dropTo === null
		? []
		: ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP'])
];

const dropArguments = (owner: Owner): string[] => [
	'setpriv',
	...['--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups'],
	...['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--']
];

/**
 * Arguments for `bwrap`, program included. `binds` come in order: later ones lie on top of earlier.
 * `temporaryBytes` caps `/tmp` where bubblewrap can.
 */
export const bubblewrapArguments = (
	host: BubblewrapHost,
	binds: readonly BubblewrapBind[],
	options: {
		workingDirectory: string;
		temporaryBytes: number;
		/** Open file descriptors for the filter and for the record of the process id. */
		seccompFd: number | null;
		infoFd: number | null;
	},
	argv: readonly string[]
): string[] => [
	...namespaceArguments(host.dropTo),
	...(options.seccompFd === null ? [] : ['--seccomp', String(options.seccompFd)]),
	...(options.infoFd === null ? [] : ['--info-fd', String(options.infoFd)]),
	...host.system.flatMap(({ path, link }) =>
		link === null ? ['--ro-bind', path, path] : ['--symlink', link, path]
	),
	...['--perms', '0755', '--dir', '/etc', '--perms', '0755', '--dir', '/var'],
	...host.etc.flatMap((name) => bindArguments({ path: `/etc/${name}` })),
	...host.synthetic.flatMap(({ source, target }) => bindArguments({ path: source, target })),
	...['--proc', '/proc', '--dev', '/dev', '--perms', '1777', '--tmpfs', '/dev/shm'],
	...(host.canSizeTmpfs ? ['--size', String(options.temporaryBytes)] : []),
	...['--perms', '1777', '--tmpfs', '/tmp', '--symlink', '../tmp', '/var/tmp'],
	...binds.flatMap(bindArguments),
	...['--remount-ro', '/', '--chdir', options.workingDirectory, '--'],
	...(host.dropTo === null ? [] : dropArguments(host.dropTo)),
	...argv
];
