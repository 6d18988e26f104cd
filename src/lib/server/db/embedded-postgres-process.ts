/**
 * Processes of the embedded PostgreSQL: as whom it runs, starting it so that it outlives the
 * manager, and telling whether a process id is really our server. PostgreSQL refuses to run as
 * root. Started as root it therefore gets a user namespace of its own, in which root's files
 * belong to an ordinary user: that also works where the home folder is closed to everybody else.
 */
import { execFile, spawn } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As whom the server runs. */
export type ServerUser =
	| { kind: 'self' }
	/** Root outside, nobody inside; files belong to root. */
	| { kind: 'namespace' }
	/** Root starts it as somebody else, who owns the data folder. */
	| { kind: 'other'; uid: number; gid: number };

/** `initdb` wants a user that has a name, and nobody has one everywhere. */
const NAMESPACE = ['--user', '--map-user=65534', '--map-group=65534', '--'] as const;

/** Can a user namespace be made here? Linux only; a few milliseconds. */
export async function canMakeNamespace(): Promise<boolean> {
	if (process.platform !== 'linux') return false;
	try {
		await run('unshare', [...NAMESPACE, 'true'], { timeout: 5_000 });
		return true;
	} catch {
		return false;
	}
}

/** Nothing of ours: no PG* variables, no secrets, messages in English. */
const serverEnvironment = (): NodeJS.ProcessEnv => ({
	PATH: process.env['PATH'],
	LC_ALL: 'C',
	TZ: 'UTC',
	...(process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] } : {})
});

function commandAs(
	user: ServerUser,
	program: string,
	argv: readonly string[]
): { command: string; argv: string[]; ids: { uid?: number; gid?: number } } {
	if (user.kind === 'namespace') {
		return { command: 'unshare', argv: [...NAMESPACE, program, ...argv], ids: {} };
	}
	const ids = user.kind === 'other' ? { uid: user.uid, gid: user.gid } : {};
	return { command: program, argv: [...argv], ids };
}

/** Runs a program of PostgreSQL to its end. Throws with what it said when it fails. */
export async function runToEnd(
	user: ServerUser,
	program: string,
	argv: readonly string[],
	cwd: string
): Promise<void> {
	const how = commandAs(user, program, argv);
	try {
		await run(how.command, how.argv, {
			...how.ids,
			cwd,
			env: serverEnvironment(),
			timeout: 120_000,
			maxBuffer: 1 << 20
		});
	} catch (error) {
		const { stderr, message } = error as { stderr?: string; message: string };
		const lastLines = stderr?.trim().split('\n').slice(-6).join('\n');
		throw new Error(lastLines || message, { cause: error });
	}
}

/** Resolves when the process is gone, with a word about how. */
export interface SpawnedServer {
	readonly exited: Promise<string>;
}

/** Starts a program in a session of its own: neither Ctrl-C nor the manager's death reaches it. */
export function spawnDetached(
	user: ServerUser,
	program: string,
	argv: readonly string[],
	options: { cwd: string; logFile: number }
): SpawnedServer {
	const how = commandAs(user, program, argv);
	const child = spawn(how.command, how.argv, {
		...how.ids,
		cwd: options.cwd,
		env: serverEnvironment(),
		detached: true,
		windowsHide: true,
		stdio: ['ignore', options.logFile, options.logFile]
	});
	child.unref();
	return {
		exited: new Promise((resolve) => {
			child.once('error', (error) => resolve(error.message));
			child.once('exit', (code, signal) =>
				resolve(signal === null ? `exit code ${code}` : `signal ${signal}`)
			);
		})
	};
}

export function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}

/**
 * Is `pid` the postmaster of this data folder? After a power loss the id in a left-over pid file
 * may belong to anybody, or to the server of another folder. A zombie counts as gone.
 */
export async function isPostmasterOf(pid: number, dataFolder: string): Promise<boolean> {
	if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return false;
	if (process.platform === 'linux') return isLinuxPostmaster(pid, dataFolder);
	if (process.platform === 'win32') return true;
	try {
		const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]);
		return stdout.includes('postgres') && stdout.includes(dataFolder);
	} catch {
		return false;
	}
}

async function isLinuxPostmaster(pid: number, dataFolder: string): Promise<boolean> {
	let argv: string[];
	try {
		argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
	} catch {
		return false;
	}
	const program = basename(argv[0] ?? '');
	if (program !== 'postgres' && program !== 'postmaster') return false;
	try {
		// The postmaster changes into its data folder first of all.
		return (await readlink(`/proc/${pid}/cwd`)) === dataFolder;
	} catch {
		return argv.includes(dataFolder);
	}
}

/**
 * Does any process, such as a worker that outlived its killed postmaster, still work in this
 * folder? Known on Linux only; elsewhere PostgreSQL's own check has to do.
 */
export async function hasProcessIn(dataFolder: string): Promise<boolean> {
	if (process.platform !== 'linux') return false;
	for (const name of await readdir('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		const cwd = await readlink(`/proc/${name}/cwd`).catch(() => null);
		if (cwd === dataFolder) return true;
	}
	return false;
}
