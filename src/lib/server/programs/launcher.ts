/**
 * Starts short programs from a small process of its own. A fork copies the page tables of who forks, and
 * the manager with its hundreds of megabytes stands still for 15 to 30 ms at each, with all the streams
 * that go through it. The small process forks in a fraction of that, and beside it.
 *
 * What a program reads and writes goes through unix sockets straight to the manager: the launcher's
 * process connects them, says whose they are, and leaves its end to the program.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { shielded } from './inherited-descriptors.ts';
import type { Launch, LaunchedProgram, LaunchOptions, ProgramEnd } from './launch.ts';
import processSource from './launcher-process.mjs?raw';

export interface LaunchOrder extends LaunchOptions {
	kind: 'launch';
	id: number;
	program: string;
	args: readonly string[];
}

export type LauncherOrder =
	| LaunchOrder
	| { kind: 'kill'; id: number; signal: NodeJS.Signals }
	/** Nothing of it is left: its number may be somebody else's. */
	| { kind: 'forget'; id: number };

type Told =
	| { kind: 'started'; id: number; pid: number }
	| { kind: 'failed'; id: number; code: string | null; message: string }
	| { kind: 'exited'; id: number; exitCode: number | null };

export interface Launcher {
	launch: Launch;
	/** Kills what still runs, and the process that started it. What is launched later is refused. */
	close(): Promise<void>;
}

/** A machine that takes longer to start a program has stopped working. */
const START_MS = 60_000;
const ENDED = 'The launcher of programs has ended.';
const HEADER_MAX_BYTES = 64;
const NEWLINE = 10;

/** One program, from the order to the last byte it wrote. */
class Job {
	readonly launched: Promise<LaunchedProgram>;
	/** Never rejects. */
	readonly ended: Promise<ProgramEnd>;
	readonly #order: LaunchOrder;
	readonly #send: (order: LauncherOrder) => void;
	readonly #ways: (Socket | null)[];
	#resolve: (program: LaunchedProgram) => void = () => undefined;
	#reject: (cause: Error) => void = () => undefined;
	#end: (end: ProgramEnd) => void = () => undefined;
	#pid: number | null = null;
	#exit: ProgramEnd | null = null;

	constructor(order: LaunchOrder, send: (order: LauncherOrder) => void) {
		this.#order = order;
		this.#send = send;
		this.#ways = order.stdio.map(() => null);
		this.ended = new Promise((resolve) => (this.#end = resolve));
		this.launched = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		send(order);
	}

	/** The way to one of its descriptors. */
	connect(descriptor: number, way: Socket): void {
		if (this.#order.stdio[descriptor] !== 'pipe' || this.#ways[descriptor])
			return void way.destroy();
		this.#ways[descriptor] = way;
		// What breaks is at its end, whatever the reason.
		way.on('error', () => undefined);
		if (descriptor > 0) way.once('end', () => way.end());
		way.once('close', () => this.#endIfOver());
		this.#startIfWhole();
	}

	started(pid: number): void {
		this.#pid = pid;
		this.#startIfWhole();
	}

	exited(exitCode: number | null): void {
		this.#exit = { exitCode, error: null };
		this.#endIfOver();
	}

	/** It could not be started, or nobody can say any more what becomes of it. */
	fail(cause: Error): void {
		this.#reject(cause);
		this.#exit ??= { exitCode: null, error: cause };
		for (const way of this.#ways) way?.destroy();
		this.#end(this.#exit);
	}

	/** Every way has come. A short program may have ended before. */
	#isWhole(): boolean {
		return this.#order.stdio.every(
			(kind, descriptor) => kind === 'ignore' || this.#ways[descriptor]
		);
	}

	#startIfWhole(): void {
		const { id, group } = this.#order;
		const pid = this.#pid;
		if (pid === null || !this.#isWhole()) return;
		const isRunning = (): boolean => this.#exit === null;
		this.#resolve({
			pid,
			get running() {
				return isRunning();
			},
			stdin: this.#ways[0] ?? null,
			outputs: this.#ways.map((way, descriptor) => (descriptor === 0 ? null : way)),
			ended: this.ended,
			kill: (signal) => {
				if (isRunning() || group) this.#send({ kind: 'kill', id, signal });
			}
		});
	}

	#endIfOver(): void {
		const outputs = this.#ways.slice(1);
		if (this.#exit === null || !this.#isWhole()) return;
		if (outputs.some((way) => way && !way.closed)) return;
		this.#ways[0]?.destroy();
		this.#end(this.#exit);
	}
}

/** Reads whose way it is; what follows is the program's. */
const readHeader = (way: Socket, take: (id: number, descriptor: number) => void): void => {
	let bytes = Buffer.alloc(0);
	const onReadable = (): void => {
		const chunk = way.read() as Buffer | null;
		if (chunk === null) return;
		bytes = Buffer.concat([bytes, chunk]);
		const end = bytes.indexOf(NEWLINE);
		if (end < 0 && bytes.length <= HEADER_MAX_BYTES) return;
		way.off('readable', onReadable);
		const [, id, descriptor] = /^(\d+) (\d+)$/.exec(bytes.toString('latin1', 0, end)) ?? [];
		if (id === undefined) return void way.destroy();
		if (end + 1 < bytes.length) way.unshift(bytes.subarray(end + 1));
		take(Number(id), Number(descriptor));
	};
	way.on('readable', onReadable);
	way.on('error', () => way.destroy());
};

/** What Node itself may need to run; each program is given its own. */
const surroundings = (): Record<string, string> =>
	Object.fromEntries(
		['PATH', 'LD_LIBRARY_PATH'].flatMap((name) => {
			const value = process.env[name];
			return value === undefined ? [] : [[name, value]];
		})
	);

/** The small process and what it has started. */
class Host {
	readonly #jobs = new Map<number, Job>();
	readonly #child: ChildProcess;
	readonly #server: Server;
	#lastId = 0;
	/** Resolves when the process is gone. */
	readonly gone: Promise<void>;

	private constructor(server: Server, socketPath: string, folder: string) {
		this.#server = server;
		this.#child = spawn(
			process.execPath,
			['--input-type=module', '--eval', processSource, '--', socketPath, folder],
			{
				cwd: '/',
				// A Ctrl+C is for the manager, which needs its programs to end well.
				detached: true,
				env: surroundings(),
				stdio: shielded(['ignore', 'ignore', 'inherit', 'ipc'])
			}
		);
		this.gone = new Promise((resolve) => {
			this.#child.once('exit', () => this.#lose(new Error(ENDED), resolve));
			this.#child.once('error', (cause) => this.#lose(cause, resolve));
		});
		this.#child.on('message', (told: Told) => this.#hear(told));
		this.#child.unref();
		this.#child.channel?.unref();
		server.unref();
		server.on('connection', (way: Socket) => {
			readHeader(way, (id, descriptor) => {
				const job = this.#jobs.get(id);
				if (job) job.connect(descriptor, way);
				else way.destroy();
			});
		});
	}

	static async open(): Promise<Host> {
		// Nobody else can enter it; in a workspace the path may be too long for a socket.
		const folder = await mkdtemp(join(tmpdir(), 'agent-manager-launcher-'));
		const socketPath = join(folder, 'ways.sock');
		const server = createServer({ allowHalfOpen: true });
		await new Promise<void>((resolve, reject) => {
			server.once('error', reject);
			server.listen(socketPath, resolve);
		});
		const host = new Host(server, socketPath, folder);
		void host.gone.then(() => rm(folder, { recursive: true, force: true }).catch(() => undefined));
		return host;
	}

	async launch(program: string, args: readonly string[], options: LaunchOptions) {
		if (!this.#child.connected) throw new Error(ENDED);
		const id = (this.#lastId += 1);
		const job = new Job({ kind: 'launch', id, program, args, ...options }, (order) =>
			this.#send(order)
		);
		this.#jobs.set(id, job);
		void job.ended.then(() => {
			this.#jobs.delete(id);
			this.#send({ kind: 'forget', id });
		});
		const late = setTimeout(() => this.end(), START_MS);
		return job.launched.finally(() => clearTimeout(late));
	}

	/** Its programs are killed by its own doing, when it can: its way to us closes. */
	end(): void {
		if (this.#child.connected) this.#child.disconnect();
		const late = setTimeout(() => this.#child.kill('SIGKILL'), 1_000);
		void this.gone.then(() => clearTimeout(late));
	}

	#send(order: LauncherOrder): void {
		if (!this.#child.connected) return;
		// The process is gone when it fails, and that is told of all that it had.
		this.#child.send(order, () => undefined);
	}

	#hear(told: Told): void {
		const job = this.#jobs.get(told.id);
		if (!job) return;
		switch (told.kind) {
			case 'started':
				return job.started(told.pid);
			case 'exited':
				return job.exited(told.exitCode);
			case 'failed':
				job.fail(Object.assign(new Error(told.message), { code: told.code ?? undefined }));
		}
	}

	#lose(cause: Error, done: () => void): void {
		this.#server.close();
		for (const job of [...this.#jobs.values()]) job.fail(cause);
		done();
	}
}

/** Its process starts with the first program; one that dies is made anew by the next. */
export const createLauncher = ({ logger }: { logger: Logger }): Launcher => {
	let host: Promise<Host> | null = null;
	let closed = false;

	const open = async (): Promise<Host> => {
		const opened = await Host.open();
		void opened.gone.then(() => {
			host = null;
			if (!closed)
				logger.warn('the launcher of programs has ended, the next program starts another');
		});
		return opened;
	};

	return {
		launch: async (program, args, options) => {
			if (closed) throw new Error('The app is ending.');
			host ??= open().catch((cause: unknown) => {
				host = null;
				throw cause;
			});
			return (await host).launch(program, args, options);
		},
		close: async () => {
			closed = true;
			const opened = await host?.catch(() => null);
			opened?.end();
			await opened?.gone;
		}
	};
};
