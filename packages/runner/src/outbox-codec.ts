/**
 * The outbox on disk: what it looks like, as pure functions. The runner writes it; the manager's
 * reconciler reads it too, from a folder the agent could write, so nothing here trusts its input.
 *
 *   <session folder>/outbox/000000000001.log    a segment, named by the `n` of its first record
 *   <session folder>/outbox/acked               decimal text, the newest `n` known as committed
 *
 * A segment is a run of records in order of `n` without holes, and nothing else:
 *
 *   u32 LE  length of the JSON in bytes, 2 … MAX_RECORD_BYTES
 *   u32 LE  CRC-32 (zlib's) of the JSON
 *   bytes   the JSON of an `OutboxRecord`, UTF-8
 *   u8      0x0A, so that a person can read it with `strings`
 *
 * A record that is cut short or does not match its CRC ends the segment: it was never synced, so it
 * was never sent.
 */
import { crc32 } from 'node:zlib';

/** Bytes before and after the JSON of a record. */
export const RECORD_HEADER_BYTES = 8;
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + 1;

/** No record's JSON is longer; the runner shortens what would be. */
export const MAX_RECORD_BYTES = 32 * 1024 * 1024;

/** Name of the file that holds the newest committed `n`. */
export const ACKED_FILE = 'acked';

const NEWLINE = 0x0a;
const SEGMENT_NAME = /^(\d{12})\.log$/;

/** File name of the segment whose first record is `firstN`. */
export const segmentName = (firstN: number): string => `${String(firstN).padStart(12, '0')}.log`;

/** `n` of a segment's first record, or null when the name is not a segment's. */
export const segmentFirstN = (name: string): number | null => {
	const digits = SEGMENT_NAME.exec(name)?.[1];
	const firstN = digits === undefined ? 0 : Number(digits);
	return firstN >= 1 ? firstN : null;
};

/** Puts records one after the other, ready to be appended to a segment. */
export const encodeRecords = (records: readonly Buffer[]): Buffer => {
	let bytes = 0;
	for (const json of records) bytes += json.length + RECORD_OVERHEAD_BYTES;
	const out = Buffer.allocUnsafe(bytes);
	let at = 0;
	for (const json of records) {
		at = out.writeUInt32LE(json.length, at);
		at = out.writeUInt32LE(crc32(json), at);
		at += json.copy(out, at);
		at = out.writeUInt8(NEWLINE, at);
	}
	return out;
};

export type Decoded =
	/** `end` is the offset of the next record. */
	| { kind: 'record'; json: Buffer; end: number }
	/** Nothing wrong so far, but the record needs `bytes` bytes from its offset on. */
	| { kind: 'more'; bytes: number }
	| { kind: 'corrupt'; reason: 'length' | 'crc' | 'newline' };

/** The record that starts at `offset`. `json` is a view into `buffer`, not a copy. */
export const decodeRecord = (buffer: Buffer, offset: number): Decoded => {
	if (buffer.length - offset < RECORD_HEADER_BYTES) {
		return { kind: 'more', bytes: RECORD_HEADER_BYTES };
	}
	const length = buffer.readUInt32LE(offset);
	if (length < 2 || length > MAX_RECORD_BYTES) return { kind: 'corrupt', reason: 'length' };
	const bytes = length + RECORD_OVERHEAD_BYTES;
	if (buffer.length - offset < bytes) return { kind: 'more', bytes };
	const start = offset + RECORD_HEADER_BYTES;
	const json = buffer.subarray(start, start + length);
	if (buffer[start + length] !== NEWLINE) return { kind: 'corrupt', reason: 'newline' };
	if (crc32(json) !== buffer.readUInt32LE(offset + 4)) return { kind: 'corrupt', reason: 'crc' };
	return { kind: 'record', json, end: offset + bytes };
};
