/**
 * The pool to PostgreSQL, embedded or external. A restart of the database must never take the
 * manager with it: `pg` reports the loss of a checked-out connection on the client itself, where
 * an `error` event without a listener ends the process, so each client gets one when it is made.
 */
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { databaseErrorMessage, errorCodeOf, isTransient } from './connection-errors.ts';
import { redactUrl } from './database-url.ts';
import type { Fence } from './manager-lease.ts';

export type Database = NodePgDatabase;
/** What `db.transaction` gives to its callback. */
type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Either of the two: for functions that may run inside or outside a transaction. */
export type Executor = Database | Transaction;

/** The oldest server we are tested against. */
const OLDEST_SERVER_VERSION = 150000;

export interface DatabaseOptions {
	url: string;
	/** Lets each connection in, so that whatever goes through here is fenced. */
	fence: Fence;
	/** Shown in `pg_stat_activity`. */
	applicationName?: string;
	maxConnections?: number;
	/** Told about each connection that broke; never throws into the pool. */
	onConnectionError?: (error: Error) => void;
}

export interface RetryOptions {
	signal?: AbortSignal;
	/** Waits before each further attempt; their number is the number of retries. */
	delaysMs?: readonly number[];
	/** Called before each wait, for instance to start a database that died. */
	beforeRetry?: (error: unknown, attempt: number) => void | Promise<void>;
}

export interface OpenDatabase {
	readonly pool: pg.Pool;
	readonly db: Database;
	/** Waits for running queries, then closes every connection. Safe to call twice. */
	close(): Promise<void>;
}

const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 15_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;

/** Opens no connection by itself; the first query does. */
export function openDatabase(options: DatabaseOptions): OpenDatabase {
	const pool = new pg.Pool({
		connectionString: options.url,
		application_name: options.applicationName ?? 'agent-manager',
		max: options.maxConnections ?? 10,
		connectionTimeoutMillis: 10_000,
		idleTimeoutMillis: 60_000,
		keepAlive: true,
		statement_timeout: STATEMENT_TIMEOUT_MS,
		lock_timeout: LOCK_TIMEOUT_MS,
		idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
		// Waited for, though its type does not say so; a client that is refused is not handed out.
		onConnect: ((client) => options.fence.join(client)) as (client: pg.ClientBase) => void
	});
	const report = (error: Error): void => options.onConnectionError?.(error);
	pool.on('error', report);
	pool.on('connect', (client) => client.on('error', report));
	let closing: Promise<void> | null = null;
	return { pool, db: drizzle(pool), close: () => (closing ??= pool.end()) };
}

const DEFAULT_RETRY_DELAYS_MS = [50, 100, 250, 500, 1_000, 2_000, 4_000] as const;

/**
 * Runs `operation` again while the connection is the trouble. A commit whose answer was lost may
 * have happened, so the operation has to be idempotent: a key, or a check of what is there.
 * Throws the last error, or at once any that another attempt would not mend.
 */
export async function withRetry<T>(
	operation: () => Promise<T>,
	options: RetryOptions = {}
): Promise<T> {
	const delays = options.delaysMs ?? DEFAULT_RETRY_DELAYS_MS;
	for (let attempt = 0; ; attempt++) {
		try {
			return await operation();
		} catch (error) {
			const delayMs = delays[attempt];
			if (delayMs === undefined || !isTransient(error)) throw error;
			options.signal?.throwIfAborted();
			await options.beforeRetry?.(error, attempt + 1);
			await pause(delayMs, options.signal);
		}
	}
}

export interface WaitOptions {
	url: string;
	/** Called when a wait begins and at each further failed attempt, to say what is waited for. */
	onWaiting: (status: { attempt: number; waitedMs: number; message: string }) => void;
	signal?: AbortSignal;
	/** Give up after this long; waits for ever when left out. */
	timeoutMs?: number;
	now?: () => number;
}

/**
 * Resolves when the server at `url` answers and is one we can use. A server that is down or still
 * starting is waited for with growing pauses (at most 5 s); a wrong password, a missing database
 * or a server older than 15 is an error at once, since waiting would not mend it.
 */
export async function waitForDatabase(options: WaitOptions): Promise<Result<void, WireError>> {
	const now = options.now ?? (() => performance.now());
	const startedAt = now();
	for (let attempt = 1; ; attempt++) {
		const failure = await tryConnect(options.url);
		if (failure === null) return ok();
		const waitedMs = now() - startedAt;
		if (!failure.transient || (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs)) {
			return fail(failure.error);
		}
		options.onWaiting({ attempt, waitedMs, message: failure.error.message });
		try {
			await pause(Math.min(5_000, 250 * 2 ** Math.min(attempt - 1, 5)), options.signal);
		} catch {
			return fail(wireError('shutting_down', 'Stopped while waiting for the database.'));
		}
	}
}

interface ConnectFailure {
	transient: boolean;
	error: WireError;
}

/** One connection, made and closed. Null when the server is there and new enough. */
async function tryConnect(url: string): Promise<ConnectFailure | null> {
	const client = new pg.Client({
		connectionString: url,
		application_name: 'agent-manager',
		connectionTimeoutMillis: 5_000
	});
	client.on('error', () => undefined);
	try {
		await client.connect();
		const { rows } = await client.query<{ server_version_num: string; server_version: string }>(
			`select current_setting('server_version_num') as server_version_num,
				current_setting('server_version') as server_version`
		);
		const version = Number(rows[0]?.server_version_num);
		if (version >= OLDEST_SERVER_VERSION) return null;
		return {
			transient: false,
			error: wireError(
				'database_unreachable',
				`The database server is PostgreSQL ${rows[0]?.server_version}; 15 or later is needed.`,
				{ hint: 'Point DATABASE_URL at a newer server, or unset it to use the embedded database.' }
			)
		};
	} catch (error) {
		return { transient: isTransient(error), error: describeConnectError(error, url) };
	} finally {
		await client.end().catch(() => undefined);
	}
}

function describeConnectError(error: unknown, url: string): WireError {
	const code = errorCodeOf(error);
	const where = redactUrl(url);
	const hints: Record<string, string> = {
		'28P01':
			'Correct the user name or password in DATABASE_URL (or PGPASSWORD). In the Compose stack the password is ' +
			'the POSTGRES_PASSWORD that the database’s volume was made with.',
		'28000': 'Correct the user name in DATABASE_URL, or allow it in the server’s pg_hba.conf.',
		'3D000': 'Create the database first (`createdb NAME`), or correct its name in DATABASE_URL.'
	};
	const hint = code === null ? undefined : hints[code];
	return wireError(
		'database_unreachable',
		`The database at ${where} can’t be used: ${databaseErrorMessage(error)}`,
		hint === undefined ? {} : { hint }
	);
}

/** Rejects with the signal's reason when it aborts first. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		if (signal?.aborted) return reject(signal.reason);
		const onAbort = (): void => {
			clearTimeout(timer);
			reject(signal?.reason);
		};
		const timer = setTimeout(() => {
			signal?.removeEventListener('abort', onAbort);
			resolve();
		}, ms);
		signal?.addEventListener('abort', onAbort, { once: true });
	});
}
