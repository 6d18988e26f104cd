/**
 * What an error from `pg` means for the caller: is the connection gone (ask again), is the database
 * not there yet (wait), or will it never work (say so). Drizzle wraps the driver's errors, so the
 * whole chain of causes is looked at.
 */

/** Lost or refused connections, a server that starts or stops, and transactions told to try again. */
const TRANSIENT_SQLSTATES: ReadonlySet<string> = new Set([
	'57P01', // admin_shutdown
	'57P02', // crash_shutdown
	'57P03', // cannot_connect_now
	'57P05', // idle_session_timeout
	'25P03', // idle_in_transaction_session_timeout
	'08000',
	'08001',
	'08003',
	'08004',
	'08006',
	'53100', // disk_full: until somebody frees some
	'58030', // io_error: its folder was taken away, or its disk
	'58P01', // undefined_file
	'53300', // too_many_connections
	'40001', // serialization_failure
	'40P01' // deadlock_detected
]);

/** Node's own codes. ENOENT is a unix socket that is not (or no longer) there. */
const TRANSIENT_SYSTEM_CODES: ReadonlySet<string> = new Set([
	'ECONNRESET',
	'ECONNREFUSED',
	'ECONNABORTED',
	'EPIPE',
	'ETIMEDOUT',
	'EHOSTUNREACH',
	'EHOSTDOWN',
	'ENETUNREACH',
	'ENETDOWN',
	'ENOTFOUND',
	'EAI_AGAIN',
	'ENOENT'
]);

/** `pg` reports these without a code. */
const TRANSIENT_MESSAGES =
	/connection terminated|connection ended unexpectedly|timeout exceeded when trying to connect|not queryable|server closed the connection/i;

interface Described {
	code: string | null;
	message: string;
}

/** The error and its causes, innermost last; an `AggregateError` of several addresses counts as its first. */
function* chain(error: unknown): Generator<Described> {
	let current: unknown = error;
	for (let depth = 0; depth < 8 && current !== null && typeof current === 'object'; depth++) {
		const { code, message, cause, errors } = current as {
			code?: unknown;
			message?: unknown;
			cause?: unknown;
			errors?: unknown;
		};
		yield {
			code: typeof code === 'string' ? code : null,
			message: typeof message === 'string' ? message : ''
		};
		current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
	}
}

/** True when the same question may be asked again: the connection or the server was the trouble, not the question. */
export const isTransient = (error: unknown): boolean => {
	for (const { code, message } of chain(error)) {
		if (code !== null && TRANSIENT_SQLSTATES.has(code)) return true;
		if (code !== null && TRANSIENT_SYSTEM_CODES.has(code)) return true;
		if (code === null && TRANSIENT_MESSAGES.test(message)) return true;
	}
	return false;
};

const DISK_FULL_CODES: ReadonlySet<string> = new Set(['53100', 'ENOSPC', 'EDQUOT']);

/** The database, or we, could not write for lack of space. */
export const isDiskFull = (error: unknown): boolean => {
	for (const { code } of chain(error)) if (code !== null && DISK_FULL_CODES.has(code)) return true;
	return false;
};

/** The SQLSTATE or system code of the error or its nearest cause that has one. */
export const errorCodeOf = (error: unknown): string | null => {
	for (const { code } of chain(error)) if (code !== null) return code;
	return null;
};

/** The driver's own words. Drizzle's wrapper is skipped: it repeats the query and every parameter. */
export const databaseErrorMessage = (error: unknown): string => {
	let last = '';
	for (const { message } of chain(error)) if (message !== '') last = message;
	return last === '' ? String(error) : last;
};

const UNIQUE_VIOLATION = '23505';

/** The unique constraint that a write would have broken, or null if that was not the trouble. */
export const violatedConstraint = (error: unknown): string | null => {
	for (let cause = error; cause instanceof Error; cause = cause.cause) {
		const { code, constraint } = cause as { code?: unknown; constraint?: unknown };
		if (code === UNIQUE_VIOLATION && typeof constraint === 'string') return constraint;
	}
	return null;
};
