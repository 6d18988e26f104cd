/**
 * The process beside the manager that starts its short programs. It has next to no memory, so that its
 * forks are cheap. It reads nothing of what goes between the two: the sockets that it hands to a program
 * end in the manager. When the manager is gone, so is all that it started.
 *
 * Called with the path of the manager's socket and the folder to remove at the end. What it is told and
 * what it tells is in `launcher.ts`.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';

process.title = 'agent-manager-launcher';
const [socketPath = '', folder = ''] = process.argv.slice(1);

/** Until the manager has read all that it wrote. @type {Map<number, { pid: number, group: boolean, running: boolean }>} */
const programs = new Map();

/** @param {object} message */
const tell = (message) => {
	if (process.connected) process.send?.(message);
};

/** @param {{ pid: number, group: boolean, running: boolean }} program @param {NodeJS.Signals} signal */
const end = ({ pid, group, running }, signal) => {
	if (!running && !group) return;
	try {
		process.kill(group ? -pid : pid, signal);
	} catch {
		// It ended by itself.
	}
};

/**
 * Resolves when the manager has been told whose way it is, before anything else goes through it.
 * @param {import('node:net').Socket} way @param {number} id @param {number} descriptor
 */
const announce = (way, id, descriptor) =>
	/** @type {Promise<void>} */ (
		new Promise((resolve, reject) => {
			way.once('error', reject);
			way.write(`${id} ${descriptor}\n`, () => resolve());
		})
	);

/** @param {import('./launcher.ts').LaunchOrder} order */
const launch = async ({ id, program, args, env, stdio, group }) => {
	const ways = stdio.map((kind) =>
		kind === 'pipe' ? connect({ path: socketPath, allowHalfOpen: true }) : null
	);
	/** @param {unknown} cause */
	const fail = (cause) => {
		const { code, message } = /** @type {NodeJS.ErrnoException} */ (cause);
		tell({ id, kind: 'failed', code: code ?? null, message });
	};
	try {
		await Promise.all(ways.map((way, descriptor) => way && announce(way, id, descriptor)));
		const child = spawn(program, args, {
			env,
			cwd: '/',
			detached: group,
			stdio: ways.map((way) => way ?? 'ignore')
		});
		child.once('error', fail);
		const { pid } = child;
		if (pid === undefined) return;
		const started = { pid, group, running: true };
		programs.set(id, started);
		child.once('exit', (exitCode) => {
			started.running = false;
			tell({ id, kind: 'exited', exitCode });
		});
		tell({ id, kind: 'started', pid });
	} catch (cause) {
		fail(cause);
	} finally {
		// The program has them; here they would keep its output from ever ending.
		for (const way of ways) way?.destroy();
	}
};

process.on('message', (/** @type {import('./launcher.ts').LauncherOrder} */ order) => {
	if (order.kind === 'launch') return void launch(order);
	const program = programs.get(order.id);
	if (!program) return;
	if (order.kind === 'kill') end(program, order.signal);
	else programs.delete(order.id);
});

process.on('disconnect', () => {
	for (const program of programs.values()) end(program, 'SIGKILL');
	rmSync(folder, { recursive: true, force: true });
	process.exit(0);
});
