/**
 * Who leads: one manager for each database, by a lease that it renews. It is taken at once when it was
 * given back or when its holder is known to be dead, else when it has run out. Whoever finds that it
 * has lost the lease does nothing any more; its connections to the database are ended by the next one
 * (`lease-table.ts`).
 */
import pg from 'pg';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { databaseErrorMessage, isTransient } from './connection-errors.ts';
import {
	endMarked,
	FencedError,
	giveBack,
	joinLease,
	makeLeaseTable,
	raiseFence,
	readLease,
	renewLease,
	type LeaseRow
} from './lease-table.ts';
import { endProcess, isGone, ownIdentity } from './process-identity.ts';

/** A dead leader on another machine is replaced after this long at most. */
const TTL_MS = 10_000;
const POLL_MS = 500;
const DRAIN_MS = 10_000;
const DRAIN_POLL_MS = 10;

/** What lets a connection write, or refuses it. */
export interface Fence {
	/** Called with each new connection before it is used. Throws `FencedError`. */
	join(client: pg.ClientBase): Promise<void>;
}

export type Leader = Pick<LeaseRow, 'holder' | 'address'>;

export interface ManagerLease extends Fence {
	/**
	 * Called before each effect outside of the database. Resolves at once while the lease was renewed
	 * lately, by two clocks; else it is renewed first, and rejects if it is lost or can't be.
	 */
	confirm(): Promise<void>;
	/** For the next one, who then need not wait. Every connection must be closed by now. */
	release(): Promise<void>;
}

export interface ManagerLeaseOptions {
	url: string;
	/** Id of our workspace: a database belongs to one. */
	instance: string;
	/** Who we are, such as `pid 123 at http://127.0.0.1:3000`. */
	holder: string;
	address: string;
	/** Another one leads: we wait. Called again when it is a different one. */
	onStandby: (leader: Leader) => void;
	/** Lost for good: nothing may be done any more. Called once. */
	onLost: () => void;
	/** The database is away while we wait; may bring it back. */
	onAway?: () => void;
	signal?: AbortSignal;
	ttlMs?: number;
	/** Monotonic and wall clock, in milliseconds. */
	clocks?: () => Clocks;
}

interface Clocks {
	steady: number;
	wall: number;
}

const systemClocks = (): Clocks => ({ steady: performance.now(), wall: Date.now() });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const connect = async (url: string): Promise<pg.Client> => {
	const client = new pg.Client({
		connectionString: url,
		application_name: 'agent-manager lease',
		connectionTimeoutMillis: 5_000,
		query_timeout: 5_000,
		keepAlive: true
	});
	client.on('error', () => undefined);
	await client.connect();
	return client;
};

/**
 * Errors: `database_unreachable`, also when the database is another workspace's or behind a pooler;
 * `shutting_down` when the signal aborts.
 */
export const takeManagerLease = async (
	options: ManagerLeaseOptions
): Promise<Result<ManagerLease, WireError>> => {
	let leader: Leader | null = null;
	let client: pg.Client | null = null;
	while (!options.signal?.aborted) {
		try {
			client ??= await connectDirectly(options.url);
			const { clocks = systemClocks } = options;
			const at = clocks();
			const look = await lookAndTake(client, options);
			if (look.kind === 'taken') return ok(new HeldLease(options, client, look.fence, at));
			if (leader?.address !== look.leader.address || leader.holder !== look.leader.holder) {
				leader = look.leader;
				options.onStandby(leader);
			}
		} catch (cause) {
			await client?.end().catch(() => undefined);
			client = null;
			if (cause instanceof Refusal) return fail(cause.wire);
			if (!isTransient(cause)) {
				return fail(wireError('database_unreachable', databaseErrorMessage(cause)));
			}
			options.onAway?.();
		}
		await pause(Math.min(POLL_MS, (options.ttlMs ?? TTL_MS) / 4));
	}
	await client?.end().catch(() => undefined);
	return fail(wireError('shutting_down', 'Stopped while waiting for the lease.'));
};

/** Waiting would not mend it. */
class Refusal extends Error {
	readonly wire: WireError;

	constructor(wire: WireError) {
		super(wire.message);
		this.wire = wire;
	}
}

/** Marks last as long as a connection, so it must be one to the server itself. */
const connectDirectly = async (url: string): Promise<pg.Client> => {
	const client = await connect(url);
	const { rows } = await client.query<{ backend: number }>('select pg_backend_pid() as backend');
	const { processID } = client as unknown as { processID: number | null };
	if (rows[0]?.backend !== processID) {
		await client.end();
		throw new Refusal(
			wireError(
				'database_unreachable',
				'A connection pooler is between the app and the database.',
				{
					hint: 'Give DATABASE_URL the address of the PostgreSQL server itself.'
				}
			)
		);
	}
	await makeLeaseTable(client);
	return client;
};

type Look = { kind: 'taken'; fence: number } | { kind: 'led'; leader: Leader };

const lookAndTake = async (client: pg.Client, options: ManagerLeaseOptions): Promise<Look> => {
	const { instance, holder, address, ttlMs = TTL_MS } = options;
	const seen = await readLease(client);
	if (seen !== null && seen.instance !== instance) throw new Refusal(foreign(seen, instance));
	const gone = seen !== null && isGone(seen.process);
	if (seen !== null && !seen.expired && !gone) return { kind: 'led', leader: seen };
	const candidate = { instance, holder, address, process: ownIdentity() };
	const fence = await raiseFence(client, seen, candidate, { ttlMs, isGone: gone });
	if (fence === null) return lookAndTake(client, options);
	// One that hangs would hold on to its doors and its sandboxes' connections.
	if (seen !== null && !seen.released) endProcess(seen.process);
	await drain(client, fence);
	const stillOurs = await renewLease(client, fence, ttlMs);
	return stillOurs ? { kind: 'taken', fence } : lookAndTake(client, options);
};

/** Until no connection of an earlier leader is left: what it had under way has landed or never will. */
const drain = async (client: pg.Client, fence: number): Promise<void> => {
	const deadline = performance.now() + DRAIN_MS;
	while ((await endMarked(client, fence)) > 0) {
		if (performance.now() > deadline) {
			const words = 'A connection of the manager before can’t be ended.';
			throw new Refusal(wireError('database_unreachable', words));
		}
		await pause(DRAIN_POLL_MS);
	}
};

const foreign = ({ instance, holder }: LeaseRow, ours: string): WireError =>
	wireError(
		'database_unreachable',
		`This database belongs to another workspace (${instance}; ours is ${ours}), last led by ${holder}. ` +
			'Its sessions have their worktrees and sandboxes there, and would be lost from here.',
		{
			hint:
				'Set WORKSPACE_ROOT to that workspace, or DATABASE_URL to a database of its own. If that workspace ' +
				`is gone for good, take its place: write ${instance} into the file “instance” of this one.`
		}
	);

/** The lease once we have it: renewed over lost connections, until another one has it. */
class HeldLease implements ManagerLease {
	readonly #options: ManagerLeaseOptions;
	readonly #fence: number;
	readonly #clocks: () => Clocks;
	readonly #ttlMs: number;
	#client: pg.Client | null;
	/** When the last renewal that is known to have worked was sent. */
	#renewedAt: Clocks;
	#renewing: Promise<void> | null = null;
	#timer: NodeJS.Timeout | null = null;
	#over = false;

	constructor(options: ManagerLeaseOptions, client: pg.Client, fence: number, renewedAt: Clocks) {
		this.#options = options;
		this.#clocks = options.clocks ?? systemClocks;
		this.#ttlMs = options.ttlMs ?? TTL_MS;
		this.#client = client;
		this.#fence = fence;
		this.#renewedAt = renewedAt;
		this.#renewSoon(this.#ttlMs / 3);
	}

	async join(client: pg.ClientBase): Promise<void> {
		try {
			await joinLease(client, this.#fence);
		} catch (cause) {
			if (cause instanceof FencedError) this.#lose();
			throw cause;
		}
	}

	async confirm(): Promise<void> {
		if (this.#over) throw new FencedError(this.#fence);
		if (!this.#wasRenewedLately()) await this.#renew();
	}

	async release(): Promise<void> {
		const wasOver = this.#over;
		this.#end();
		await this.#renewing?.catch(() => undefined);
		try {
			if (!wasOver)
				await giveBack((this.#client ??= await connect(this.#options.url)), this.#fence);
		} catch {
			// It runs out by itself.
		}
		await this.#client?.end().catch(() => undefined);
	}

	/** A steady clock stands still while the machine sleeps; the other one can be set. */
	#wasRenewedLately(): boolean {
		const { steady, wall } = this.#clocks();
		const limitMs = this.#ttlMs * 0.75;
		return steady - this.#renewedAt.steady < limitMs && wall - this.#renewedAt.wall < limitMs;
	}

	#renewSoon(afterMs: number): void {
		if (this.#over) return;
		this.#timer = setTimeout(() => {
			this.#renew().then(
				() => this.#renewSoon(this.#ttlMs / 3),
				() => this.#renewSoon(Math.min(POLL_MS, this.#ttlMs / 3))
			);
		}, afterMs);
	}

	#renew(): Promise<void> {
		this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = null));
		return this.#renewing;
	}

	async #renewOnce(): Promise<void> {
		const sentAt = this.#clocks();
		let isOurs: boolean;
		try {
			this.#client ??= await connect(this.#options.url);
			isOurs = await renewLease(this.#client, this.#fence, this.#ttlMs);
		} catch (cause) {
			void this.#client?.end().catch(() => undefined);
			this.#client = null;
			throw cause;
		}
		if (!isOurs) {
			this.#lose();
			throw new FencedError(this.#fence);
		}
		this.#renewedAt = sentAt;
	}

	#end(): void {
		this.#over = true;
		if (this.#timer) clearTimeout(this.#timer);
	}

	#lose(): void {
		if (this.#over) return;
		this.#end();
		this.#options.onLost();
	}
}
