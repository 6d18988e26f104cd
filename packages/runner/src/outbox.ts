/**
 * Everything the runner states, numbered and kept until the manager committed it. Records of one
 * moment share one write and one fdatasync. A full disk or an absent manager makes the outbox full:
 * then the agent's stream is not read any further, and nothing is dropped.
 */
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import { MAX_RECORD_BYTES } from './outbox-codec.ts';
import { errorText, type Log } from './log.ts';
import { OutboxStorage, type OpenSegmentFile } from './outbox-storage.ts';
import { stringifySafely } from './stringify-safely.ts';

export interface OutboxEntry {
	n: number;
	/** UTF-8 JSON of an `OutboxRecord`. */
	json: Buffer;
}

export interface OutboxLimits {
	/** A segment is closed when it is larger. */
	segmentBytes: number;
	/** Full when more than this is not committed yet. */
	maxUnackedRecords: number;
	maxUnackedBytes: number;
	/** Kept in memory for sending, so that the disk is only read after a reconnect. */
	recentBytes: number;
	/** First and longest wait after a failed write. */
	retryMs: { first: number; longest: number };
}

export const OUTBOX_LIMITS: OutboxLimits = {
	segmentBytes: 16 * 1024 * 1024,
	maxUnackedRecords: 5000,
	maxUnackedBytes: 64 * 1024 * 1024,
	recentBytes: 4 * 1024 * 1024,
	retryMs: { first: 100, longest: 5000 }
};

/** Most that one write takes, and what a slow disk makes wait together. */
const WRITE_BYTES = 4 * 1024 * 1024;

interface Waiter {
	n: number;
	resolve: () => void;
}

const settle = (waiters: Waiter[], reached: number): Waiter[] => {
	if (waiters.length === 0) return waiters;
	for (const waiter of waiters) if (waiter.n <= reached) waiter.resolve();
	return waiters.filter((waiter) => waiter.n > reached);
};

const totalBytes = (entries: readonly OutboxEntry[]): number => {
	let bytes = 0;
	for (const entry of entries) bytes += entry.json.length;
	return bytes;
};

/** The first entries within both limits, at least one. */
const firstOf = (
	entries: readonly OutboxEntry[],
	start: number,
	maxRecords: number,
	maxBytes: number
): OutboxEntry[] => {
	let bytes = 0;
	let end = start;
	while (end < entries.length && end - start < maxRecords && bytes < maxBytes) {
		bytes += entries[end]?.json.length ?? 0;
		end += 1;
	}
	return entries.slice(start, end);
};

export interface OutboxDeps {
	log: Log;
	now: () => Date;
	delay: (ms: number) => Promise<void>;
	limits?: Partial<OutboxLimits>;
	openFile?: OpenSegmentFile;
}

/** How long a record that is not urgent waits for company. */
const LAZY_MS = 50;

/** How often what was committed is written down and old segments are removed. */
const TIDY_MS = 500;

export class Outbox {
	readonly #storage: OutboxStorage;
	readonly #limits: OutboxLimits;
	readonly #deps: OutboxDeps;
	#lastN: number;
	#durableN: number;
	#ackedN: number;
	/** Newest record that does not wait for company. */
	#urgentN = 0;
	/** Not durable yet, in order. */
	#pending: OutboxEntry[] = [];
	/** Durable and not committed, the newest of them, in order without holes up to `durableN`. */
	#recent: OutboxEntry[] = [];
	#recentBytes = 0;
	/** Bytes of records this runner made that are not committed: by `n`, from `sizesFrom` on. */
	#sizes: number[] = [];
	#sizesFrom: number;
	#unackedBytes = 0;
	#durableWaiters: Waiter[] = [];
	#ackedWaiters: Waiter[] = [];
	#roomWaiters: (() => void)[] = [];
	#onDurable: (n: number) => void = () => undefined;
	#writing: Promise<void> | null = null;
	#tidyTimer: NodeJS.Timeout | null = null;
	#lazyTimer: NodeJS.Timeout | null = null;
	#closed = false;

	private constructor(storage: OutboxStorage, limits: OutboxLimits, deps: OutboxDeps) {
		this.#storage = storage;
		this.#limits = limits;
		this.#deps = deps;
		this.#lastN = storage.lastN;
		this.#durableN = storage.lastN;
		this.#ackedN = Math.min(storage.savedAckedN, storage.lastN);
		this.#sizesFrom = storage.lastN + 1;
	}

	static async open(folder: string, deps: OutboxDeps): Promise<Outbox> {
		const limits = { ...OUTBOX_LIMITS, ...deps.limits };
		const { openFile } = deps;
		const { segmentBytes } = limits;
		return new Outbox(await OutboxStorage.open(folder, { segmentBytes, openFile }), limits, deps);
	}

	/** Newest number given. */
	get lastN(): number {
		return this.#lastN;
	}

	/** Newest record that is safe on the disk. */
	get durableN(): number {
		return this.#durableN;
	}

	/** Newest record known as committed by the manager. */
	get ackedN(): number {
		return this.#ackedN;
	}

	/**
	 * Numbers a record and writes it soon; never waits, never refuses. Returns its `n`. One that is not
	 * urgent waits a moment for others to share their write, on both sides of the door.
	 */
	append(source: OutboxRecord['source'], type: string, payload: JsonObject, urgent = true): number {
		const n = (this.#lastN += 1);
		const json = encodeRecord({ n, ts: this.#deps.now().toISOString(), source, type }, payload);
		this.#pending.push({ n, json });
		this.#sizes.push(json.length);
		this.#unackedBytes += json.length;
		if (urgent) {
			this.#urgentN = n;
			this.#startWriting();
		} else this.#waitForCompany();
		return n;
	}

	/** Null when there is room for more; else resolves when there is. Ask before reading from the agent. */
	room(): Promise<void> | null {
		return this.#isFull() ? new Promise((resolve) => this.#roomWaiters.push(resolve)) : null;
	}

	/** Resolves when record `n` is durable. */
	whenDurable(n: number): Promise<void> {
		if (n <= this.#durableN) return Promise.resolve();
		return new Promise((resolve) => this.#durableWaiters.push({ n, resolve }));
	}

	/** Resolves when record `n` is committed. */
	whenAcked(n: number): Promise<void> {
		if (n <= this.#ackedN) return Promise.resolve();
		return new Promise((resolve) => this.#ackedWaiters.push({ n, resolve }));
	}

	/** Durable records from `fromN` on if they are still in memory, else null. */
	recent(fromN: number, maxRecords: number, maxBytes: number): OutboxEntry[] | null {
		const first = this.#recent[0]?.n;
		if (first === undefined || fromN < first) return null;
		return firstOf(this.#recent, fromN - first, maxRecords, maxBytes);
	}

	/** The same from the disk, wherever they are. */
	async read(fromN: number, maxRecords: number, maxBytes: number): Promise<OutboxEntry[]> {
		const stored = await this.#storage.read(fromN, maxRecords, maxBytes);
		return stored.map(({ n, json }) => ({ n, json: json ?? lostRecord(n, this.#deps.now()) }));
	}

	/** Every record up to `n` is committed. */
	ack(n: number): void {
		const reached = Math.min(n, this.#durableN);
		if (reached <= this.#ackedN) return;
		this.#ackedN = reached;
		const gone = Math.max(0, reached - this.#sizesFrom + 1);
		for (const size of this.#sizes.splice(0, gone)) this.#unackedBytes -= size;
		this.#sizesFrom += gone;
		const first = this.#recent[0]?.n;
		if (first !== undefined && first <= reached) {
			const committed = this.#recent.splice(0, reached - first + 1);
			this.#recentBytes -= totalBytes(committed);
		}
		this.#ackedWaiters = settle(this.#ackedWaiters, reached);
		if (!this.#isFull()) for (const resolve of this.#roomWaiters.splice(0)) resolve();
		this.#tidySoon();
	}

	/**
	 * The manager has committed more than this outbox ever had: the folder was lost or set back. Goes on
	 * after `n`, so that no number comes twice; what is still in memory is numbered anew.
	 */
	async restartAfter(n: number): Promise<void> {
		const lastN = this.#lastN;
		this.#deps.log('error', 'the outbox is older than the log, going on after it', { lastN, n });
		await this.whenDurable(lastN);
		const kept = this.#recent.splice(0);
		await this.#storage.restartAfter(n);
		this.#lastN = this.#durableN = this.#ackedN = n;
		this.#sizes = [];
		this.#sizesFrom = n + 1;
		this.#unackedBytes = this.#recentBytes = 0;
		for (const { json } of kept) {
			const { source, type, payload } = JSON.parse(json.toString()) as OutboxRecord;
			this.append(source, type, payload);
		}
	}

	/** Called after each write with the new `durableN`. */
	onDurable(listener: (n: number) => void): void {
		this.#onDurable = listener;
	}

	/** Writes what waits, and closes. */
	async close(): Promise<void> {
		this.#closed = true;
		if (this.#tidyTimer) clearTimeout(this.#tidyTimer);
		if (this.#pending.length > 0) this.#startWriting();
		await this.#writing;
		await this.#tidy();
		await this.#storage.close();
	}

	#isFull(): boolean {
		const records = this.#lastN - this.#ackedN;
		const { maxUnackedRecords, maxUnackedBytes } = this.#limits;
		return records > maxUnackedRecords || this.#unackedBytes > maxUnackedBytes;
	}

	#waitForCompany(): void {
		this.#lazyTimer ??= setTimeout(() => this.#startWriting(), LAZY_MS);
	}

	#startWriting(): void {
		if (this.#lazyTimer) clearTimeout(this.#lazyTimer);
		this.#lazyTimer = null;
		this.#writing ??= this.#writeDue();
	}

	async #writeDue(): Promise<void> {
		// Not before the next tick: what is appended in this one shares the write.
		await new Promise<void>((resolve) => process.nextTick(resolve));
		try {
			do await this.#writeBatch();
			while (this.#pending.length > 0 && (this.#closed || this.#urgentN > this.#durableN));
		} catch (error) {
			this.#deps.log('error', 'records stay unwritten', { error: errorText(error) });
		}
		this.#writing = null;
		if (this.#pending.length > 0 && !this.#closed) this.#waitForCompany();
	}

	async #writeBatch(): Promise<void> {
		const batch = firstOf(this.#pending, 0, Infinity, WRITE_BYTES);
		await this.#write(batch.map((entry) => entry.json));
		this.#pending.splice(0, batch.length);
		this.#durableN += batch.length;
		this.#keep(batch);
		this.#durableWaiters = settle(this.#durableWaiters, this.#durableN);
		this.#onDurable(this.#durableN);
	}

	/** Appends until it works: a full disk holds the agent up, it loses nothing. */
	async #write(records: Buffer[]): Promise<void> {
		let waitMs = this.#limits.retryMs.first;
		for (;;) {
			try {
				return await this.#storage.append(records);
			} catch (error) {
				const fields = { error: errorText(error), waitMs };
				this.#deps.log('error', 'cannot write the outbox, trying again', fields);
				if (this.#closed) throw error;
				await this.#deps.delay(waitMs);
				waitMs = Math.min(waitMs * 2, this.#limits.retryMs.longest);
			}
		}
	}

	#keep(batch: OutboxEntry[]): void {
		this.#recent.push(...batch);
		this.#recentBytes += totalBytes(batch);
		let drop = 0;
		while (this.#recentBytes > this.#limits.recentBytes && drop < this.#recent.length) {
			this.#recentBytes -= this.#recent[drop]?.json.length ?? 0;
			drop += 1;
		}
		if (drop > 0) this.#recent.splice(0, drop);
	}

	#tidySoon(): void {
		if (this.#tidyTimer || this.#closed) return;
		this.#tidyTimer = setTimeout(() => {
			this.#tidyTimer = null;
			void this.#tidy();
		}, TIDY_MS).unref();
	}

	async #tidy(): Promise<void> {
		try {
			await this.#storage.forget(this.#ackedN);
		} catch (error) {
			this.#deps.log('warn', 'cannot tidy the outbox', { error: errorText(error) });
		}
	}
}

/** Puts the payload, which is most of it, into the record as the text it is. */
const encodeRecord = (head: Omit<OutboxRecord, 'payload'>, payload: JsonObject): Buffer => {
	const start = JSON.stringify(head).slice(0, -1);
	const json = Buffer.from(`${start},"payload":${stringifySafely(payload)}}`);
	if (json.length <= MAX_RECORD_BYTES) return json;
	const { type, subtype, uuid } = payload;
	return Buffer.from(
		`${start},"payload":${JSON.stringify({ type, subtype, uuid, oversizeBytes: json.length })}}`
	);
};

/** Stands for a record that the disk lost, so that those after it can still be told. */
const lostRecord = (n: number, now: Date): Buffer =>
	Buffer.from(
		JSON.stringify({
			n,
			ts: now.toISOString(),
			source: 'runner',
			type: 'runner.record_lost',
			payload: {}
		})
	);
