/**
 * One manager for each database. An advisory lock on a connection of its own: PostgreSQL lets go of it
 * the moment that process is gone, however it ended. The connection's name says who holds it.
 */
import pg from 'pg';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { databaseErrorMessage } from './connection-errors.ts';

/** Any number, as long as every version of the app uses the same. */
const LOCK = 4_201_760_312;
const REACQUIRE_MS = 500;

export interface ManagerLock {
	release(): Promise<void>;
}

export interface ManagerLockOptions {
	url: string;
	/** Such as `pid 123 at http://127.0.0.1:3000`; at most 50 characters are shown. */
	self: string;
	/** The connection was lost and, when it was back, another manager had the lock. */
	onLost: (holder: string) => void;
}

const NAME_PREFIX = 'manager ';

const connect = async (url: string, self: string): Promise<pg.Client> => {
	const client = new pg.Client({
		connectionString: url,
		application_name: `${NAME_PREFIX}${self}`.slice(0, 63),
		connectionTimeoutMillis: 10_000,
		keepAlive: true
	});
	client.on('error', () => undefined);
	await client.connect();
	return client;
};

interface Holder {
	name: string;
	/** Of its connection, on the server. */
	backend: number;
}

const backendOf = (client: pg.Client): number | null =>
	(client as unknown as { processID: number | null }).processID;

/** null: we have it. Otherwise who has. */
const tryLock = async (client: pg.Client): Promise<Holder | null> => {
	const got = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [
		LOCK
	]);
	if (got.rows[0]?.got) return null;
	const holder = await client.query<Holder>(
		`select a.application_name as name, a.pid as backend from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and l.granted
			and (l.classid::bigint << 32 | l.objid::bigint) = $1
			and l.database = (select oid from pg_database where datname = current_database())`,
		[LOCK]
	);
	const { name, backend } = holder.rows[0] ?? { name: '', backend: 0 };
	return { name: name.slice(NAME_PREFIX.length) || 'another process', backend };
};

/** The lock once we have it: kept over lost connections, as long as nobody else takes it meanwhile. */
class HeldLock implements ManagerLock {
	readonly #options: ManagerLockOptions;
	#client: pg.Client;
	#released = false;
	#timer: NodeJS.Timeout | null = null;

	constructor(options: ManagerLockOptions, client: pg.Client) {
		this.#options = options;
		this.#client = client;
		this.#keep(client);
	}

	async release(): Promise<void> {
		this.#released = true;
		if (this.#timer) clearTimeout(this.#timer);
		await this.#client.end().catch(() => undefined);
	}

	#keep(client: pg.Client): void {
		this.#client = client;
		client.once('end', () => this.#againSoon());
	}

	#againSoon(): void {
		if (this.#released) return;
		this.#timer = setTimeout(() => {
			this.#again().catch(() => this.#againSoon());
		}, REACQUIRE_MS);
	}

	async #again(): Promise<void> {
		const { url, self, onLost } = this.#options;
		const client = await connect(url, self);
		const holder = await tryLock(client).catch(async (cause: unknown) => {
			await client.end().catch(() => undefined);
			throw cause;
		});
		if (holder === null && !this.#released) return this.#keep(client);
		// Our own lost connection, which the server has not noticed yet, is nobody else.
		const isGhost = holder !== null && holder.backend === backendOf(this.#client);
		if (isGhost) await client.query('select pg_terminate_backend($1)', [holder.backend]);
		await client.end();
		if (isGhost) this.#againSoon();
		else if (holder !== null && !this.#released) onLost(holder.name);
	}
}

/** Errors: `database_unreachable`, also when another manager has the database. */
export const acquireManagerLock = async (
	options: ManagerLockOptions
): Promise<Result<ManagerLock, WireError>> => {
	try {
		const client = await connect(options.url, options.self);
		const holder = await tryLock(client);
		if (holder === null) return ok(new HeldLock(options, client));
		await client.end();
		return fail(
			wireError('database_unreachable', `This database is managed already, by ${holder.name}.`, {
				hint: 'Open that one, stop it first, or give this one its own WORKSPACE_ROOT or DATABASE_URL.'
			})
		);
	} catch (cause) {
		return fail(wireError('database_unreachable', databaseErrorMessage(cause)));
	}
};
