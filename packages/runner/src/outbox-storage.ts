/**
 * The outbox's segments on disk: durable appends, reading back, removal of what was committed.
 * It knows records as bytes only; numbering and waiting are the outbox's.
 */
import {
	mkdir,
	open,
	readdir,
	readFile,
	rename,
	unlink,
	writeFile,
	type FileHandle
} from 'node:fs/promises';
import { join } from 'node:path';
import { ACKED_FILE, encodeRecords, segmentFirstN, segmentName } from './outbox-codec.ts';
import { openSegmentReader, type SegmentReader } from './segment-reader.ts';

/** A segment's file as the storage writes it; given from outside where a test makes a disk fail. */
export interface SegmentFile {
	write(bytes: Buffer, position: number): Promise<number>;
	datasync(): Promise<void>;
	truncate(length: number): Promise<void>;
	close(): Promise<void>;
}

export type OpenSegmentFile = (path: string) => Promise<SegmentFile>;

export interface StoredRecord {
	n: number;
	/** UTF-8 JSON of an `OutboxRecord`; null when the disk lost it. */
	json: Buffer | null;
}

export const openSegmentFile: OpenSegmentFile = async (path) => {
	const handle = await open(path, 'a+');
	return {
		write: async (bytes, position) =>
			(await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
		datasync: () => handle.datasync(),
		truncate: (length) => handle.truncate(length),
		close: () => handle.close()
	};
};

interface Segment {
	firstN: number;
	path: string;
}

interface Tail {
	file: SegmentFile;
	bytes: number;
}

const syncFolder = async (folder: string): Promise<void> => {
	const handle: FileHandle = await open(folder, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
};

const readAcked = async (folder: string): Promise<number> => {
	const text = await readFile(join(folder, ACKED_FILE), 'utf8').catch(() => '');
	const n = /^\d{1,15}\n$/.test(text) ? Number(text) : 0;
	return Number.isSafeInteger(n) ? n : 0;
};

const listSegments = async (folder: string): Promise<Segment[]> => {
	const segments: Segment[] = [];
	for (const name of await readdir(folder)) {
		const firstN = segmentFirstN(name);
		if (firstN !== null) segments.push({ firstN, path: join(folder, name) });
	}
	return segments.sort((a, b) => a.firstN - b.firstN);
};

/** How many sound records a segment has, and where the last of them ends. */
const measure = async (path: string): Promise<{ count: number; bytes: number }> => {
	const reader = await openSegmentReader(path);
	try {
		let count = 0;
		while ((await reader.next()) !== null) count += 1;
		return { count, bytes: reader.offset };
	} finally {
		await reader.close();
	}
};

export interface StorageOptions {
	/** A segment is closed when it is larger. */
	segmentBytes: number;
	openFile?: OpenSegmentFile;
}

interface Cursor {
	reader: SegmentReader;
	segment: Segment;
	/** The record that `reader.next()` gives. */
	n: number;
}

export class OutboxStorage {
	readonly #folder: string;
	readonly #segmentBytes: number;
	readonly #openFile: OpenSegmentFile;
	readonly #segments: Segment[];
	#tail: Tail | null;
	#cursor: Cursor | null = null;
	#lastN: number;
	/** Reading and removing take turns, so that nobody closes the file another one reads. */
	#turn: Promise<unknown> = Promise.resolve();
	/** Newest `n` that an earlier runner knew as committed. */
	readonly savedAckedN: number;

	private constructor(
		folder: string,
		options: StorageOptions,
		found: { segments: Segment[]; tail: Tail | null; lastN: number; savedAckedN: number }
	) {
		this.#folder = folder;
		this.#segmentBytes = options.segmentBytes;
		this.#openFile = options.openFile ?? openSegmentFile;
		this.#segments = found.segments;
		this.#tail = found.tail;
		this.#lastN = found.lastN;
		this.savedAckedN = found.savedAckedN;
	}

	/** Opens or creates the folder, and cuts off what a crash left half written. */
	static async open(folder: string, options: StorageOptions): Promise<OutboxStorage> {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		const segments = await listSegments(folder);
		const savedAckedN = await readAcked(folder);
		let lastN = 0;
		let tail: Tail | null = null;
		const newest = segments.at(-1);
		if (newest) {
			const { count, bytes } = await measure(newest.path);
			lastN = newest.firstN + count - 1;
			const file = await (options.openFile ?? openSegmentFile)(newest.path);
			await file.truncate(bytes);
			await file.datasync();
			tail = { file, bytes };
		}
		if (lastN < savedAckedN) {
			// What was committed is not on the disk any more: go on after it, `n` never comes twice.
			await tail?.file.close();
			tail = null;
			lastN = savedAckedN;
		}
		return new OutboxStorage(folder, options, { segments, tail, lastN, savedAckedN });
	}

	/** Newest record that is durable; 0 when there is none. */
	get lastN(): number {
		return this.#lastN;
	}

	/** Appends records `lastN + 1 …`. Durable when it resolves; when it throws, nothing was appended. */
	async append(records: readonly Buffer[]): Promise<void> {
		const into = await this.#writable();
		const bytes = encodeRecords(records);
		try {
			let written = 0;
			while (written < bytes.length) {
				written += await into.file.write(bytes.subarray(written), into.bytes + written);
			}
			await into.file.datasync();
		} catch (error) {
			await into.file.truncate(into.bytes).catch(() => undefined);
			throw error;
		}
		into.bytes += bytes.length;
		this.#lastN += records.length;
	}

	/** Records from `fromN` on, within both limits but at least one when there is one. */
	read(fromN: number, maxRecords: number, maxBytes: number): Promise<StoredRecord[]> {
		return this.#inTurn(async () => {
			const records: StoredRecord[] = [];
			let bytes = 0;
			for (let n = fromN; n <= this.#lastN; n += 1) {
				if (records.length >= maxRecords || bytes >= maxBytes) break;
				const json = await this.#readOne(n);
				records.push({ n, json: json && Buffer.from(json) });
				bytes += json?.length ?? 0;
			}
			return records;
		});
	}

	/** Remembers `n` as committed and removes the segments that hold nothing newer. */
	forget(n: number): Promise<void> {
		return this.#inTurn(async () => {
			const temporary = join(this.#folder, `${ACKED_FILE}.new`);
			await writeFile(temporary, `${n}\n`, { mode: 0o600 });
			await rename(temporary, join(this.#folder, ACKED_FILE));
			for (;;) {
				const [oldest, second] = this.#segments;
				if (!oldest || !second || second.firstN > n + 1) return;
				if (this.#cursor?.segment === oldest) await this.#moveCursor(null);
				await unlink(oldest.path);
				this.#segments.shift();
			}
		});
	}

	/** Gives up every record: what comes next is `lastN + 1`, and nothing before it is to be had. */
	async restartAfter(lastN: number): Promise<void> {
		await this.#inTurn(async () => {
			await this.#moveCursor(null);
			await this.#tail?.file.close();
			this.#tail = null;
			for (const segment of this.#segments.splice(0)) await unlink(segment.path);
			this.#lastN = lastN;
		});
		await this.forget(lastN);
	}

	async close(): Promise<void> {
		await this.#inTurn(() => this.#moveCursor(null));
		await this.#tail?.file.close();
		this.#tail = null;
	}

	#inTurn<T>(work: () => Promise<T>): Promise<T> {
		const done = this.#turn.then(work);
		this.#turn = done.catch(() => undefined);
		return done;
	}

	/** The segment to append to; a new one when the newest is full, or there is none. */
	async #writable(): Promise<Tail> {
		if (this.#tail && this.#tail.bytes < this.#segmentBytes) return this.#tail;
		const firstN = this.#lastN + 1;
		const path = join(this.#folder, segmentName(firstN));
		const file = await this.#openFile(path);
		try {
			await file.truncate(0);
			await syncFolder(this.#folder);
		} catch (error) {
			await file.close();
			throw error;
		}
		await this.#tail?.file.close();
		if (this.#segments.at(-1)?.firstN !== firstN) this.#segments.push({ firstN, path });
		this.#tail = { file, bytes: 0 };
		return this.#tail;
	}

	async #moveCursor(to: Cursor | null): Promise<void> {
		await this.#cursor?.reader.close();
		this.#cursor = to;
	}

	/** Null when the disk lost it. */
	async #readOne(n: number): Promise<Buffer | null> {
		const segment = this.#segments.findLast((it) => it.firstN <= n);
		if (!segment) return null;
		if (this.#cursor?.n !== n || this.#cursor.segment !== segment) {
			const reader = await openSegmentReader(segment.path);
			await this.#moveCursor({ reader, segment, n: segment.firstN });
		}
		const cursor = this.#cursor;
		if (!cursor) return null;
		while (cursor.n < n) {
			if ((await cursor.reader.next()) === null) return null;
			cursor.n += 1;
		}
		const json = await cursor.reader.next();
		if (json !== null) cursor.n += 1;
		return json;
	}
}
