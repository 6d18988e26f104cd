/**
 * Commits the records of one runner's connection, in order, and says when they are. While the
 * database is away they wait here up to a bound, then in the runner's outbox: the socket is not read.
 *
 * Frames wait as the bytes that came. What is made of them is several times as large, and young: with
 * many sessions at full speed the collector would carry it about. So a frame is read only when its
 * session's turn to write has come, and the one behind it while the write is on its way.
 */
import type { Logger } from 'pino';
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { toStorable } from '#lib/server/db/storable-json.ts';
import type { IngestResult, ReceivedRecord } from './session-log.ts';

export interface RecordIntakeOptions {
	/** A frame's records; throws when it can't be read. */
	read: (frame: Buffer) => readonly OutboxRecord[];
	ingest: (records: readonly ReceivedRecord[]) => Promise<IngestResult>;
	/** Runs the work when few enough others write; in the order of asking. */
	inTurn: <T>(work: () => Promise<T>) => Promise<T>;
	/** Nobody is there any more to be told. */
	isOver: () => boolean;
	onCommitted: (n: number) => void;
	onHole: (expectedN: number) => void;
	onFenced: () => void;
	onUnreadable: (cause: unknown) => void;
	pause: () => void;
	resume: () => void;
	/** Resolves after a while; longer each time it is asked in a row. */
	backOff: (attempt: number) => Promise<void>;
	logger: Logger;
}

/**
 * One write takes this much: enough to be quick, few enough to stay short. Its rows go as one text,
 * which is cheap while it fits in V8's young pages; from 128 KiB on it has pages of its own.
 */
const BATCH_MAX_RECORDS = 500;
const BATCH_MAX_BYTES = 100_000;
/** Above this, nothing more is read from the socket until half of it is committed. */
const WAITING_MAX_BYTES = 1_000_000;

interface Batch {
	records: readonly ReceivedRecord[];
	bytes: number;
}

export class RecordIntake {
	readonly #options: RecordIntakeOptions;
	#frames: Buffer[] = [];
	/** Read and not committed: the batch that is being written, and the one behind it. */
	#batches: Batch[] = [];
	/** Of all that waits, in either form. */
	#bytes = 0;
	#running = false;

	constructor(options: RecordIntakeOptions) {
		this.#options = options;
	}

	/** At least so many records are not committed yet: a frame that is not read counts as one. */
	get waiting(): number {
		return this.#batches.reduce((sum, { records }) => sum + records.length, this.#frames.length);
	}

	/** Never rejects. */
	push(frame: Buffer): void {
		this.#frames.push(frame);
		this.#bytes += frame.length;
		if (this.#bytes > WAITING_MAX_BYTES) this.#options.pause();
		if (!this.#running) void this.#run();
	}

	async #run(): Promise<void> {
		this.#running = true;
		const { inTurn, isOver, resume, backOff, logger } = this.#options;
		let attempt = 0;
		while (this.#bytes > 0 && !isOver()) {
			try {
				await inTurn(() => this.#commitBatch());
				attempt = 0;
			} catch (cause) {
				logger.warn({ err: cause, attempt }, 'events could not be committed');
				await backOff(attempt++);
			}
			if (this.#bytes <= WAITING_MAX_BYTES / 2) resume();
		}
		this.#running = false;
	}

	async #commitBatch(): Promise<void> {
		this.#readAhead(1);
		const [batch] = this.#batches;
		if (!batch) return;
		const { ingest, onCommitted, onHole, onFenced } = this.#options;
		let acked: number | null = null;
		for (let at = 0; at < batch.records.length; at += BATCH_MAX_RECORDS) {
			const writing = ingest(batch.records.slice(at, at + BATCH_MAX_RECORDS));
			// Later, when the write has left: what is read first would hold it up.
			setImmediate(() => this.#readAhead(2));
			const result = await writing;
			if ('fenced' in result || 'expectedN' in result) {
				// What follows has the same hole: the runner sends it all again.
				this.#drop();
				if ('fenced' in result) return onFenced();
				return onHole(result.expectedN);
			}
			acked = result.ackedN;
		}
		if (this.#batches[0] !== batch) return;
		this.#batches.shift();
		this.#bytes -= batch.bytes;
		if (acked !== null) onCommitted(acked);
	}

	/** Makes batches of what waits until there are as many. A frame that can't be read ends all. */
	#readAhead(count: number): void {
		while (this.#batches.length < count && this.#frames.length > 0) {
			const frames = this.#nextFrames();
			try {
				const records = frames.flatMap((frame) =>
					this.#options.read(frame).map((it) => ({ ...it, stored: toStorable(it.payload) }))
				);
				const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
				this.#batches.push({ records, bytes });
			} catch (cause) {
				this.#drop();
				return this.#options.onUnreadable(cause);
			}
		}
	}

	#nextFrames(): Buffer[] {
		let bytes = 0;
		const end = this.#frames.findIndex((frame) => (bytes += frame.length) > BATCH_MAX_BYTES);
		return this.#frames.splice(0, end === -1 ? this.#frames.length : Math.max(1, end));
	}

	#drop(): void {
		this.#frames = [];
		this.#batches = [];
		this.#bytes = 0;
	}
}
