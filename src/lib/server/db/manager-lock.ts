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

/** null: we have it. Otherwise who has. */
const tryLock = async (client: pg.Client): Promise<string | null> => {
	const got = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [
		LOCK
	]);
	if (got.rows[0]?.got) return null;
	const holder = await client.query<{ name: string }>(
		`select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and l.granted
			and (l.classid::bigint << 32 | l.objid::bigint) = $1
			and l.database = (select oid from pg_database where datname = current_database())`,
		[LOCK]
	);
	return holder.rows[0]?.name.slice(NAME_PREFIX.length) ?? 'another process';
};

/** Errors: `database_unreachable`, also when another manager has the database. */
export const acquireManagerLock = async ({
	url,
	self,
	onLost
}: ManagerLockOptions): Promise<Result<ManagerLock, WireError>> => {
	let released = false;
	let timer: NodeJS.Timeout | null = null;
	let client: pg.Client;

	const keep = (held: pg.Client): void => {
		client = held;
		held.once('end', () => {
			if (!released) timer = setTimeout(() => void again(), REACQUIRE_MS);
		});
	};
	const again = async (): Promise<void> => {
		try {
			const next = await connect(url, self);
			const holder = await tryLock(next);
			if (holder !== null) {
				await next.end();
				if (!released) onLost(holder);
				return;
			}
			keep(next);
		} catch {
			if (!released) timer = setTimeout(() => void again(), REACQUIRE_MS);
		}
	};

	try {
		const first = await connect(url, self);
		const holder = await tryLock(first);
		if (holder !== null) {
			await first.end();
			return fail(
				wireError('database_unreachable', `This database is managed already, by ${holder}.`, {
					hint: 'Open that one, stop it first, or give this one its own WORKSPACE_ROOT or DATABASE_URL.'
				})
			);
		}
		keep(first);
	} catch (cause) {
		return fail(wireError('database_unreachable', databaseErrorMessage(cause)));
	}
	return ok({
		async release() {
			released = true;
			if (timer) clearTimeout(timer);
			await client.end().catch(() => undefined);
		}
	});
};
