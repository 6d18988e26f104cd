/**
 * The one row that says which manager leads, and its fence: a number that goes up with each takeover.
 * Times are the database's. The table is made here and not by a migration, because only who has the
 * lease may migrate.
 *
 * A write is fenced by its connection. Each connection of a leader joins first: it takes a mark (a
 * shared advisory lock, which lasts as long as the connection), then reads the fence. A takeover raises the
 * fence first, then ends every connection that has a mark, and begins when there is none left. So a
 * connection either sees the new fence and is refused, or is seen and ended; what it had under way is
 * rolled back. Statements themselves carry nothing and cost nothing more.
 */
import type { ClientBase } from 'pg';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { processIdentitySchema, type ProcessIdentity } from './process-identity.ts';

/** Any number, as long as every version of the app uses the same. */
const MARK = 4_201_760_312;
const MAKING = 4_201_760_313;

/** Another manager has taken over since: nothing may be done any more. */
export class FencedError extends Error {
	/** For whoever asked this manager for something. */
	readonly wire = wireError('not_leader', 'Another manager has taken over.');

	constructor(fence: number) {
		super(`another manager has taken over since fence ${fence}`);
	}
}

export interface LeaseRow {
	fence: number;
	/** Id of the workspace that the database belongs to. */
	instance: string;
	/** Who leads, or did last, in words and as an address. */
	holder: string;
	address: string;
	process: ProcessIdentity;
	/** It was given back, or not renewed in time. */
	expired: boolean;
	/** It was given back. */
	released: boolean;
}

export type Candidate = Pick<LeaseRow, 'instance' | 'holder' | 'address' | 'process'>;

const rowSchema = z.object({
	fence: z.coerce.number(),
	instance: z.string(),
	holder: z.string(),
	address: z.string(),
	process: processIdentitySchema,
	expired: z.boolean(),
	released: z.boolean()
});

export const makeLeaseTable = async (client: ClientBase): Promise<void> => {
	const { rows } = await client.query<{ there: boolean }>(
		`select to_regclass('manager_lease') is not null as there`
	);
	if (rows[0]?.there) return;
	await client.query(`
		begin;
		select pg_advisory_xact_lock(${MAKING});
		create table if not exists manager_lease (
			is_only boolean primary key default true check (is_only),
			fence bigint not null,
			instance uuid not null,
			holder text not null,
			address text not null,
			process jsonb not null,
			expires_at timestamptz not null
		);
		commit`);
};

/** null: nobody has ever led here. */
export const readLease = async (client: ClientBase): Promise<LeaseRow | null> => {
	const { rows } = await client.query(
		`select fence, instance, holder, address, process, expires_at <= clock_timestamp() as expired,
			expires_at = '-infinity' as released
		from manager_lease`
	);
	return rows[0] === undefined ? null : rowSchema.parse(rows[0]);
};

/**
 * The next fence, from `seen` on. null if that is not how it is any more: another was quicker, or the
 * holder has renewed it meanwhile and `isGone` does not say that it can't have.
 */
export const raiseFence = async (
	client: ClientBase,
	seen: LeaseRow | null,
	{ instance, holder, address, process }: Candidate,
	{ ttlMs, isGone }: { ttlMs: number; isGone: boolean }
): Promise<number | null> => {
	const values = [seen?.fence ?? 0, instance, holder, address, JSON.stringify(process), ttlMs];
	const { rows } =
		seen === null
			? await client.query<{ fence: string }>(
					`insert into manager_lease (fence, instance, holder, address, process, expires_at)
					values ($1::bigint + 1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
					on conflict do nothing returning fence`,
					values
				)
			: await client.query<{ fence: string }>(
					`update manager_lease set fence = fence + 1, instance = $2, holder = $3, address = $4,
						process = $5, expires_at = clock_timestamp() + $6 * interval '1 millisecond'
					where fence = $1 and (expires_at <= clock_timestamp() or $7) returning fence`,
					[...values, isGone]
				);
	return rows[0] === undefined ? null : Number(rows[0].fence);
};

/** False when the fence is not ours any more. */
export const renewLease = async (
	client: ClientBase,
	fence: number,
	ttlMs: number
): Promise<boolean> => {
	const { rowCount } = await client.query(
		`update manager_lease set expires_at = clock_timestamp() + $2 * interval '1 millisecond'
		where fence = $1`,
		[fence, ttlMs]
	);
	return rowCount === 1;
};

/** The next one need not wait. */
export const giveBack = async (client: ClientBase, fence: number): Promise<void> => {
	await client.query(`update manager_lease set expires_at = '-infinity' where fence = $1`, [fence]);
};

/** Marks the connection and lets it in, if the fence is the newest. Throws `FencedError`. */
export const joinLease = async (client: ClientBase, fence: number): Promise<void> => {
	await client.query(`select pg_advisory_lock_shared(${MARK})`);
	const { rows } = await client.query('select 1 from manager_lease where fence = $1', [fence]);
	if (rows.length === 0) throw new FencedError(fence);
};

/** Ends every marked connection, as long as `fence` is the newest; how many there were. */
export const endMarked = async (client: ClientBase, fence: number): Promise<number> => {
	const { rowCount } = await client.query(
		`select pg_terminate_backend(pid) from pg_locks
		where locktype = 'advisory' and granted and objsubid = 1
			and (classid::bigint << 32 | objid::bigint) = ${MARK}
			and database = (select oid from pg_database where datname = current_database())
			and exists (select 1 from manager_lease where fence = $1)`,
		[fence]
	);
	return rowCount ?? 0;
};
