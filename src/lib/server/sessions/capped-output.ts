/** Keeps what a sandbox prints up to a limit, and says when it is reached: then nothing more is wanted. */
import { Writable } from 'node:stream';

export interface CappedOutput {
	stream: Writable;
	/** Aborted when the limit is reached. */
	full: AbortSignal;
	/** As UTF-8; bytes that are none are replaced. */
	text: () => string;
}

/** Passes bytes on up to a limit; `full` is aborted when there are more. */
export const cappedStream = (
	target: Writable,
	maxBytes: number
): Pick<CappedOutput, 'stream' | 'full'> => {
	const full = new AbortController();
	let bytes = 0;
	const stream = new Writable({
		write(chunk: Buffer, _encoding, done) {
			bytes += chunk.length;
			if (bytes > maxBytes) full.abort();
			if (bytes > maxBytes || target.write(chunk)) done();
			else target.once('drain', done);
		},
		final(done) {
			target.end(done);
		}
	});
	return { stream, full: full.signal };
};

export const cappedOutput = (maxBytes: number): CappedOutput => {
	const chunks: Buffer[] = [];
	const full = new AbortController();
	let bytes = 0;
	const stream = new Writable({
		write(chunk: Buffer, _encoding, done) {
			const room = maxBytes - bytes;
			if (room > 0) chunks.push(chunk.subarray(0, room));
			bytes += chunk.length;
			if (bytes > maxBytes) full.abort();
			done();
		}
	});
	return { stream, full: full.signal, text: () => Buffer.concat(chunks).toString('utf8') };
};
