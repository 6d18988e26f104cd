/** What a session's runners made durable: the segments in its outbox, and those that were moved aside. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, segmentFirstN } from '../../packages/runner/src/outbox-codec.ts';
import { outboxRecordSchema } from '../../packages/protocol/src/runner-frames.ts';
import type { TruthRecord } from './checker.ts';
import { eventHash } from './event-hash.ts';
import { KEPT_FOLDER } from './light/kept-segments.ts';

/** Null for what is not there, or not there any more. */
const ifThere = <T>(read: () => T): T | null => {
	try {
		return read();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw error;
	}
};

/** Every sound record, in order. */
export const readOutbox = (workspace: string, sessionId: string): TruthRecord[] => {
	const segments = new Map<string, Buffer>();
	// In this order: one that is moved meanwhile is seen where it goes to.
	for (const name of ['outbox', KEPT_FOLDER]) {
		const folder = join(workspace, 'sessions', sessionId, name);
		for (const segment of ifThere(() => readdirSync(folder)) ?? []) {
			const bytes =
				segmentFirstN(segment) === null ? null : ifThere(() => readFileSync(join(folder, segment)));
			if (bytes) segments.set(segment, bytes);
		}
	}
	return [...segments].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, bytes]) => decode(bytes));
};

/** Up to where it is torn: what follows was never durable, so it was never sent. */
const decode = (bytes: Buffer): TruthRecord[] => {
	const records: TruthRecord[] = [];
	for (let offset = 0; ;) {
		const decoded = decodeRecord(bytes, offset);
		if (decoded.kind !== 'record') return records;
		const record = outboxRecordSchema.parse(JSON.parse(decoded.json.toString('utf8')));
		records.push({ n: record.n, hash: eventHash(record) });
		offset = decoded.end;
	}
};
