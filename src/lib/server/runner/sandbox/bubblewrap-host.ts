/** Facts about this machine that every bubblewrap sandbox is made from, gathered once. */
import { execFile } from 'node:child_process';
import { lstatSync, readlinkSync, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { BubblewrapHost, SystemFolder } from './bubblewrap-arguments.ts';
import { bubblewrapArguments, INSIDE, SHARED_ETC, SYSTEM_FOLDERS } from './bubblewrap-arguments.ts';
import type { CgroupPlan } from './cgroup.ts';
import { planCgroups } from './cgroup.ts';
import type { Owner } from './sandbox-owner.ts';
import { sandboxOwner } from './sandbox-owner.ts';
import { seccompFilter } from './seccomp.ts';

const run = promisify(execFile);

/** The oldest with `--perms`. */
const MINIMUM_VERSION = [0, 5] as const;
const CHECK_TIMEOUT_MS = 5_000;

const HINT =
	'Install bubblewrap and let it make namespaces: `sudo apt install bubblewrap`; where unprivileged ' +
	'user namespaces are off: `sudo sysctl -w kernel.unprivileged_userns_clone=1` or ' +
	'`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`. Or use Docker.';

const unavailable = (message: string): WireError =>
	wireError('sandbox_unavailable', message, { hint: HINT });

/** Where distributions put `bwrap`; the first that exists. */
export const findBubblewrap = (): string | null =>
	['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap', '/run/current-system/sw/bin/bwrap'].find(
		(path) => existsSync(path)
	) ?? null;

const systemFolder = (path: string): SystemFolder | null => {
	try {
		return { path, link: lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null };
	} catch {
		return null;
	}
};

/** Files inside that we make; those of `/etc` so that the host's users and names stay outside. */
const syntheticFiles = ({ uid, gid }: Owner): Record<string, string> => ({
	[INSIDE.manifest]: '{ "type": "module" }\n',
	'/etc/passwd':
		`root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:${uid}:${gid}:agent:/tmp:/bin/sh\n` +
		'nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
	'/etc/group': `root:x:0:\nagent:x:${gid}:\nnogroup:x:65534:\n`,
	'/etc/hosts': '127.0.0.1 localhost sandbox\n::1 localhost\n',
	'/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n'
});

export const isOldVersion = (version: string): boolean => {
	const [major = 0, minor = 0] = version.split('.').map(Number);
	return major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1];
};

/** All that the driver needs to know about the machine. */
export interface HostFacts {
	bwrapPath: string;
	host: BubblewrapHost;
	cgroups: CgroupPlan;
	/** File with the system call filter; null where this processor has none. */
	filterPath: string | null;
}

/**
 * Gathers the facts and writes the shared files below `sharedFolder`. Files are written under a
 * name made from their content's owner, and never change for a given uid.
 */
export const gatherHostFacts = async (
	sharedFolder: string,
	bwrapPath: string
): Promise<HostFacts> => {
	const owner = sandboxOwner();
	const folder = join(sharedFolder, `files-${owner.uid}-${owner.gid}`);
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const files = Object.entries(syntheticFiles(owner));
	await Promise.all(
		files.map(([target, text]) => writeFile(join(folder, basename(target)), text, { mode: 0o644 }))
	);
	const filter = seccompFilter(process.arch);
	const filterPath = filter && join(sharedFolder, `filter-${process.arch}.bpf`);
	if (filter && filterPath) await writeFile(filterPath, filter);
	const version = await bubblewrapVersion(bwrapPath).catch(() => null);
	const minor = Number(version?.split('.')[1] ?? 0);
	return {
		bwrapPath,
		host: {
			system: SYSTEM_FOLDERS.map(systemFolder).filter((found) => found !== null),
			etc: SHARED_ETC.filter((name) => existsSync(`/etc/${name}`)),
			synthetic: files.map(([target]) => ({ source: join(folder, basename(target)), target })),
			dropTo: process.getuid?.() === 0 ? owner : null,
			canSizeTmpfs: version !== null && (!version.startsWith('0.') || minor >= 7)
		},
		cgroups: await planCgroups(),
		filterPath
	};
};

export const bubblewrapVersion = async (
	bwrapPath: string,
	signal?: AbortSignal
): Promise<string> => {
	const { stdout } = await run(bwrapPath, ['--version'], { timeout: CHECK_TIMEOUT_MS, signal });
	return stdout.trim().replace(/^bubblewrap\s+/, '');
};

/** Makes a sandbox with nothing in it. Null when that works, else what is wrong. */
export const trySandbox = async (
	facts: HostFacts,
	signal?: AbortSignal
): Promise<WireError | null> => {
	const argv = bubblewrapArguments(
		facts.host,
		[],
		{ workingDirectory: '/', temporaryBytes: 1 << 20, seccompFd: null, infoFd: null },
		['true']
	);
	try {
		await run(facts.bwrapPath, argv, { timeout: CHECK_TIMEOUT_MS, signal });
		return null;
	} catch (error) {
		const text = error instanceof Error ? error.message.split('\n').slice(1).join(' ') : '';
		return unavailable(`bubblewrap can't make a sandbox here: ${text.trim() || String(error)}`);
	}
};

/** What stands against using bubblewrap before anything is run, or null. */
export const findProblem = (bwrapPath: string | null, version: string | null): WireError | null => {
	if (process.platform !== 'linux') {
		return wireError('sandbox_unavailable', 'bubblewrap sandboxes exist on Linux only.', {
			hint: 'Run the app in a Linux machine, such as a VM or WSL 2.'
		});
	}
	if (bwrapPath === null || version === null) return unavailable('bubblewrap is not installed.');
	if (isOldVersion(version)) {
		return unavailable(`bubblewrap ${version} is too old: 0.5 or newer is needed.`);
	}
	return null;
};
