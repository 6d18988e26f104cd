import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { unframe, unframeLog } from './docker-frames.ts';

const frame = (stream: number, text: string): Buffer => {
	const data = Buffer.from(text);
	const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
	header.writeUInt32BE(data.length, 4);
	return Buffer.concat([header, data]);
};

const framed = Buffer.concat([frame(1, 'out '), frame(2, 'err'), frame(1, ''), frame(1, 'more')]);

describe('unframe', () => {
	it.each([1, 2, 3, 7, 8, 9, 1_000])('parts the streams in pieces of %i bytes', async (size) => {
		const pieces: Buffer[] = [];
		for (let at = 0; at < framed.length; at += size) pieces.push(framed.subarray(at, at + size));
		const out: string[] = [];
		const err: string[] = [];
		const stdout = new Writable({
			highWaterMark: 1,
			write: (chunk: Buffer, _, done) => {
				out.push(chunk.toString());
				setImmediate(done);
			}
		});
		await unframe(Readable.from(pieces), stdout, (chunk) => err.push(chunk.toString()));
		await new Promise((resolve) => stdout.end(resolve));
		expect([out.join(''), err.join('')]).toEqual(['out more', 'err']);
	});

	it('rejects when the stream breaks', async () => {
		const broken = new Readable({
			read() {
				this.destroy(new Error('cut'));
			}
		});
		await expect(unframe(broken, new Writable(), () => undefined)).rejects.toThrow('cut');
	});
});

describe('unframeLog', () => {
	it('joins both streams and survives a torn end', () => {
		expect(unframeLog(framed)).toBe('out errmore');
		expect(unframeLog(framed.subarray(0, framed.length - 2))).toBe('out errmo');
		expect(unframeLog(Buffer.alloc(3))).toBe('');
	});
});
