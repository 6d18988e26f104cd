/**
 * Sends the outbox's durable records in order, a bounded number ahead of the manager's commits.
 * Straight from memory as long as the manager keeps up, from the disk after a reconnect.
 */
import { errorText, type Log } from './log.ts';
import type { Outbox, OutboxEntry } from './outbox.ts';

/** Records that may be on their way: sent, not committed. */
const WINDOW = 1000;
const FRAME_RECORDS = 200;
/**
 * Of a frame that has more than one record. What the manager makes of a frame stays below the 128 KiB
 * from which V8 gives each text pages of its own: to map and fault those in costs more than to parse it.
 */
const FRAME_BYTES = 96 * 1024;
/** The socket takes no more before this much of it has left. */
const BUFFERED_BYTES = 8 * 1024 * 1024;

const READ_RETRY_MS = 1000;

const FRAME_START = Buffer.from('{"kind":"records","records":[');
const COMMA = Buffer.from(',');
const FRAME_END = Buffer.from(']}');

const encodeFrame = (entries: readonly OutboxEntry[]): Buffer => {
	const parts: Buffer[] = [FRAME_START];
	for (const [index, { json }] of entries.entries()) {
		if (index > 0) parts.push(COMMA);
		parts.push(json);
	}
	parts.push(FRAME_END);
	return Buffer.concat(parts);
};

export class RecordSender {
	readonly #outbox: Outbox;
	readonly #send: (frame: Buffer) => void;
	readonly #buffered: () => number;
	readonly #log: Log;
	/** Newest record that was sent over this connection; null while there is none. */
	#sentN: number | null = null;
	#reading = false;
	/** Counts the resets, so that a read that was under way does not go out after one. */
	#generation = 0;

	constructor(
		outbox: Outbox,
		send: (frame: Buffer) => void,
		options: { buffered: () => number; log: Log }
	) {
		this.#outbox = outbox;
		this.#send = send;
		this.#buffered = options.buffered;
		this.#log = options.log;
	}

	/** Sends everything from `n` on, what was sent already included. */
	resendFrom(n: number): void {
		this.#generation += 1;
		this.#sentN = n - 1;
		this.pump();
	}

	/** The connection is gone. */
	stop(): void {
		this.#generation += 1;
		this.#sentN = null;
	}

	/** Sends what may be sent now. */
	pump(): void {
		while (this.#sentN !== null && !this.#reading && this.#open(this.#sentN)) {
			const entries = this.#outbox.recent(this.#sentN + 1, FRAME_RECORDS, FRAME_BYTES);
			if (entries === null) {
				void this.#pumpFromDisk(this.#sentN + 1);
				return;
			}
			if (entries.length === 0) return;
			this.#sendEntries(entries);
		}
	}

	#open(sentN: number): boolean {
		const { durableN, ackedN } = this.#outbox;
		return sentN < durableN && sentN - ackedN < WINDOW && this.#buffered() < BUFFERED_BYTES;
	}

	#sendEntries(entries: OutboxEntry[]): void {
		const last = entries.at(-1);
		if (!last) return;
		this.#send(encodeFrame(entries));
		this.#sentN = last.n;
	}

	async #pumpFromDisk(fromN: number): Promise<void> {
		this.#reading = true;
		const generation = this.#generation;
		try {
			const entries = await this.#outbox.read(fromN, FRAME_RECORDS, FRAME_BYTES);
			if (generation === this.#generation) this.#sendEntries(entries);
		} catch (error) {
			this.#log('error', 'cannot read the outbox, trying again', { error: errorText(error) });
			await new Promise((resolve) => setTimeout(resolve, READ_RETRY_MS).unref());
		} finally {
			this.#reading = false;
		}
		this.pump();
	}
}
