/**
 * Reads the records of one file in the outbox codec from its start, with bounded memory: a chunk at
 * a time, or one record where a record is larger than a chunk.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { decodeRecord } from './outbox-codec.ts';

const CHUNK_BYTES = 256 * 1024;

export interface SegmentReader {
	/** Offset in the file of the record that `next` will give: all before it was sound. */
	readonly offset: number;
	/** The next record's JSON, or null where the sound part of the file ends. */
	next(): Promise<Buffer | null>;
	close(): Promise<void>;
}

/** Errors: those of `open` and `read`. */
export const openSegmentReader = async (path: string): Promise<SegmentReader> => {
	const handle = await open(path, 'r');
	let buffer: Buffer = Buffer.alloc(0);
	/** File offset of the buffer's first byte, and our place in the buffer. */
	let base = 0;
	let at = 0;

	return {
		get offset() {
			return base + at;
		},
		async next() {
			for (;;) {
				const decoded = decodeRecord(buffer, at);
				if (decoded.kind === 'record') {
					at = decoded.end;
					return decoded.json;
				}
				if (decoded.kind === 'corrupt') return null;
				base += at;
				const wanted = Math.max(decoded.bytes, CHUNK_BYTES);
				const grown = await fill(handle, buffer.subarray(at), base, wanted);
				at = 0;
				const stuck = grown.length < decoded.bytes;
				buffer = grown;
				if (stuck) return null;
			}
		},
		close: () => handle.close()
	};
};

/** `head` and what follows it in the file, up to `wanted` bytes in all; less at the file's end. */
const fill = async (
	handle: FileHandle,
	head: Buffer,
	base: number,
	wanted: number
): Promise<Buffer> => {
	const buffer = Buffer.allocUnsafe(wanted);
	let length = head.copy(buffer);
	while (length < wanted) {
		const { bytesRead } = await handle.read(buffer, length, wanted - length, base + length);
		if (bytesRead === 0) break;
		length += bytesRead;
	}
	return buffer.subarray(0, length);
};
