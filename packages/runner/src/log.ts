/**
 * What the runner says on stdout: one JSON line for each thing, for whoever reads the sandbox's log.
 * Never a token, a prompt or an environment.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

/** A log that writes to `out`. A closed or full pipe must not stop the runner, so errors are dropped. */
export const createLog = (out: NodeJS.WritableStream, now: () => Date): Log => {
	out.on('error', () => undefined);
	return (level, message, fields) => {
		out.write(`${JSON.stringify({ ts: now().toISOString(), level, message, ...fields })}\n`);
	};
};

/** The words of anything that was thrown. */
export const errorText = (error: unknown): string =>
	error instanceof Error ? error.message : String(error);
