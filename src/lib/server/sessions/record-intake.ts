/**
 * Commits the records of one runner's connection, in order, and says when they are. While the
 * database is away they wait here up to a bound, then in the runner's outbox: the socket is not read.
 */
import type { Logger } from 'pino';
import type { OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { toStorable } from '#lib/server/db/storable-json.ts';
import type { IngestResult, ReceivedRecord } from './session-log.ts';

export interface RecordIntakeOptions {
	ingest: (records: readonly ReceivedRecord[]) => Promise<IngestResult>;
	/** Nobody is there any more to be told. */
	isOver: () => boolean;
	onCommitted: (n: number) => void;
	onHole: (expectedN: number) => void;
	onFenced: () => void;
	pause: () => void;
	resume: () => void;
	/** Resolves after a while; longer each time it is asked in a row. */
	backOff: (attempt: number) => Promise<void>;
	logger: Logger;
}

interface Frame {
	records: readonly ReceivedRecord[];
	/** Of its text, in characters. */
	length: number;
}

/** One write takes this much: enough to be quick, few enough to stay short. */
const BATCH_MAX_RECORDS = 500;
const BATCH_MAX_LENGTH = 4_000_000;
/** Above either, nothing more is read until half of it is committed. */
const WAITING_MAX_RECORDS = 2_000;
const WAITING_MAX_LENGTH = 16_000_000;

export class RecordIntake {
	readonly #options: RecordIntakeOptions;
	#frames: Frame[] = [];
	#records = 0;
	#length = 0;
	#running = false;

	constructor(options: RecordIntakeOptions) {
		this.#options = options;
	}

	/** Never rejects. What does not depend on the log is done while the write before is on its way. */
	push(sent: { records: readonly OutboxRecord[]; length: number }): void {
		const { length } = sent;
		const records = sent.records.map((it) => ({ ...it, stored: toStorable(it.payload) }));
		this.#frames.push({ records, length });
		this.#records += records.length;
		this.#length += length;
		if (this.#isAbove(1)) this.#options.pause();
		if (!this.#running) void this.#run();
	}

	#isAbove(part: number): boolean {
		return this.#records > WAITING_MAX_RECORDS * part || this.#length > WAITING_MAX_LENGTH * part;
	}

	async #run(): Promise<void> {
		this.#running = true;
		const { isOver, resume, backOff, logger } = this.#options;
		let attempt = 0;
		while (this.#frames.length > 0 && !isOver()) {
			try {
				await this.#commitBatch();
				attempt = 0;
			} catch (cause) {
				logger.warn({ err: cause, attempt }, 'events could not be committed');
				await backOff(attempt++);
			}
			if (!this.#isAbove(0.5)) resume();
		}
		this.#running = false;
	}

	async #commitBatch(): Promise<void> {
		const frames = this.#nextFrames();
		const records = frames.flatMap((frame) => frame.records);
		const { ingest, onCommitted, onHole, onFenced } = this.#options;
		let acked: number | null = null;
		for (let at = 0; at < records.length; at += BATCH_MAX_RECORDS) {
			const result = await ingest(records.slice(at, at + BATCH_MAX_RECORDS));
			if ('fenced' in result || 'expectedN' in result) {
				// What follows has the same hole: the runner sends it all again.
				this.#take(this.#frames.length);
				if ('fenced' in result) return onFenced();
				return onHole(result.expectedN);
			}
			acked = result.ackedN;
		}
		this.#take(frames.length);
		if (acked !== null) onCommitted(acked);
	}

	#nextFrames(): Frame[] {
		let records = 0;
		let length = 0;
		const end = this.#frames.findIndex((frame) => {
			records += frame.records.length;
			length += frame.length;
			return records > BATCH_MAX_RECORDS || length > BATCH_MAX_LENGTH;
		});
		return this.#frames.slice(0, end === -1 ? undefined : Math.max(1, end));
	}

	#take(count: number): void {
		for (const { records, length } of this.#frames.splice(0, count)) {
			this.#records -= records.length;
			this.#length -= length;
		}
	}
}
