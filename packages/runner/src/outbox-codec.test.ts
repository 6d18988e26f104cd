import { describe, expect, it } from 'vitest';
import {
	decodeRecord,
	encodeRecords,
	MAX_RECORD_BYTES,
	RECORD_OVERHEAD_BYTES,
	segmentFirstN,
	segmentName
} from './outbox-codec.ts';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('outbox codec', () => {
	it('gives back what was put in, one record after the other', () => {
		const records = [json({ a: 1 }), json({ text: 'üñï\u0000' }), json([])];
		const bytes = encodeRecords(records);
		let offset = 0;
		for (const record of records) {
			const decoded = decodeRecord(bytes, offset);
			if (decoded.kind !== 'record') throw new Error(decoded.kind);
			expect(decoded.json.equals(record)).toBe(true);
			offset = decoded.end;
		}
		expect(offset).toBe(bytes.length);
		expect(decodeRecord(bytes, offset)).toEqual({ kind: 'more', bytes: 8 });
	});

	it('asks for more wherever the record is cut', () => {
		const bytes = encodeRecords([json({ a: 1 })]);
		for (let cut = 8; cut < bytes.length; cut += 1) {
			const decoded = decodeRecord(bytes.subarray(0, cut), 0);
			expect(decoded).toEqual({ kind: 'more', bytes: bytes.length });
		}
	});

	it.each([
		['a flipped bit of the JSON', 10, 'crc'],
		['a flipped bit of the CRC', 5, 'crc'],
		['another length', 0, 'newline']
	])('finds %s', (_name, at, reason) => {
		const bytes = Buffer.concat([encodeRecords([json({ abc: 123 })]), Buffer.alloc(64)]);
		bytes[at] = (bytes[at] ?? 0) ^ 1;
		expect(decodeRecord(bytes, 0)).toEqual({ kind: 'corrupt', reason });
	});

	it('never asks for more than a record can be, whatever the length says', () => {
		const bytes = Buffer.alloc(32);
		bytes.writeUInt32LE(MAX_RECORD_BYTES + 1, 0);
		expect(decodeRecord(bytes, 0)).toEqual({ kind: 'corrupt', reason: 'length' });
		bytes.writeUInt32LE(MAX_RECORD_BYTES, 0);
		expect(decodeRecord(bytes, 0)).toEqual({
			kind: 'more',
			bytes: MAX_RECORD_BYTES + RECORD_OVERHEAD_BYTES
		});
	});

	it('names segments so that names sort like numbers, and knows only its own', () => {
		expect(segmentName(1)).toBe('000000000001.log');
		expect(segmentFirstN(segmentName(987_654_321_012))).toBe(987_654_321_012);
		for (const name of ['acked', '1.log', '000000000000.log', '000000000001.log.new', '../x.log']) {
			expect(segmentFirstN(name)).toBeNull();
		}
	});
});
