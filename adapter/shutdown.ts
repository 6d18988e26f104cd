/**
 * Ends the server in order: the app first (it closes its WebSockets, lets go of its sandboxes and
 * stops the database), then the connections that are left, then the process.
 */
import type { Server } from 'node:http';

/** Answers in flight get this long once the app is down. */
const DRAIN_MS = 1500;

/** The app's own part gets this long: a process that was asked to end is gone within ten seconds. */
const APP_MS = 8000;

/**
 * A signal repeated sooner is the same one: on Ctrl-C both the terminal and npm send it.
 */
const SAME_SIGNAL_MS = 700;

export interface ShutdownOptions {
	server: Server;
	/** What the app does first; looked up late, because the app sets it while it starts. */
	stopApp: () => Promise<void> | undefined;
	exit: (code: number) => void;
	report: (text: string) => void;
	/** Milliseconds of a clock that never goes back. */
	now: () => number;
}

/** Does not wait for a connection that was upgraded: the server no longer knows it. */
function closeServer(server: Server): Promise<void> {
	return new Promise((resolve) => {
		const force = setTimeout(() => {
			server.closeAllConnections();
			resolve();
		}, DRAIN_MS);
		server.close(() => {
			clearTimeout(force);
			resolve();
		});
		server.closeIdleConnections();
	});
}

async function withinTime({ stopApp, report }: ShutdownOptions): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<'late'>((resolve) => {
		timer = setTimeout(() => resolve('late'), APP_MS);
	});
	const outcome = await Promise.race([stopApp(), late]).finally(() => clearTimeout(timer));
	if (outcome === 'late') report('Not everything ended in time: the next start takes it up.\n');
}

/** Returns the signal handler: the first call stops in order, the second at once. */
export function shutdownHandler(options: ShutdownOptions): (signal: NodeJS.Signals) => void {
	let stoppingSince: number | null = null;
	const stop = async (): Promise<number> => {
		try {
			await withinTime(options);
		} catch (error) {
			options.report(
				`Shutdown failed: ${error instanceof Error ? error.message : String(error)}\n`
			);
			return 1;
		} finally {
			await closeServer(options.server);
		}
		return 0;
	};
	return (signal) => {
		if (stoppingSince !== null) {
			if (options.now() - stoppingSince < SAME_SIGNAL_MS) return;
			options.report(`${signal} again: ending at once.\n`);
			options.exit(signal === 'SIGINT' ? 130 : 143);
			return;
		}
		stoppingSince = options.now();
		void stop().then(options.exit);
	};
}
