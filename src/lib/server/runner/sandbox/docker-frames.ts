/** Docker's framing of two output streams in one: `[stream, 0, 0, 0, length as 4 bytes] data`, over and over. */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

const HEADER_BYTES = 8;
const STDERR = 2;

/** The text of a framed log; a torn frame at the end is dropped. */
export const unframeLog = (log: Buffer): string => {
	const parts: Buffer[] = [];
	for (let at = 0; at + HEADER_BYTES <= log.length;) {
		const length = log.readUInt32BE(at + 4);
		parts.push(log.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
		at += HEADER_BYTES + length;
	}
	return Buffer.concat(parts).toString('utf8');
};

/**
 * Passes stdout on as it comes, never faster than `stdout` takes it, and stderr to a function. Resolves
 * at the end of the stream; rejects when either side breaks.
 */
export const unframe = async (
	source: Readable,
	stdout: Writable,
	onStderr: (chunk: Buffer) => void
): Promise<void> => {
	const header = Buffer.alloc(HEADER_BYTES);
	let headerBytes = 0;
	let left = 0;
	for await (const chunk of source as AsyncIterable<Buffer>) {
		for (let at = 0; at < chunk.length;) {
			if (left === 0) {
				const taken = chunk.copy(header, headerBytes, at, at + HEADER_BYTES - headerBytes);
				at += taken;
				headerBytes += taken;
				if (headerBytes < HEADER_BYTES) break;
				headerBytes = 0;
				left = header.readUInt32BE(4);
				continue;
			}
			const part = chunk.subarray(at, at + left);
			at += part.length;
			left -= part.length;
			if (header[0] === STDERR) onStderr(part);
			else if (!stdout.write(part)) await once(stdout, 'drain');
		}
	}
};
