/**
 * Takes what a dead runner wrote and could not send. The folder was writable from the sandbox, so it
 * is read as hostile: regular files only, no links followed, capped, and every record parsed.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { outboxRecordSchema, type OutboxRecord } from '@agent-manager/protocol/runner-frames.ts';
import { isTransient } from '#lib/server/db/connection-errors.ts';
import { decodeRecord, segmentFirstN } from '@agent-manager/runner/outbox-codec.ts';
import type { SessionLog } from './session-log.ts';

/** A segment rolls at a fraction of this; more was not written by our runner. */
const SEGMENT_MAX_BYTES = 128 * 1_048_576;
const SEGMENTS_MAX = 1_000;
/** Of all segments: far more than a runner keeps before it holds its agent up. */
const TOTAL_MAX_BYTES = 1_024 * 1_048_576;
const BATCH = 500;

const openHostile = async (path: string): Promise<FileHandle | null> => {
	const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
	const file = await open(path, flags).catch(() => null);
	if (!file) return null;
	const stat = await file.stat();
	if (stat.isFile() && stat.size <= SEGMENT_MAX_BYTES) return file;
	await file.close();
	return null;
};

const parseRecord = (json: Buffer): OutboxRecord | null => {
	try {
		return outboxRecordSchema.safeParse(JSON.parse(json.toString('utf8'))).data ?? null;
	} catch {
		return null;
	}
};

/** Up to the first record that is torn or that is none: what follows was never sent. */
const parseSegment = (bytes: Buffer): OutboxRecord[] => {
	const records: OutboxRecord[] = [];
	for (let offset = 0; ;) {
		const decoded = decodeRecord(bytes, offset);
		if (decoded.kind !== 'record') return records;
		const record = parseRecord(decoded.json);
		if (!record) return records;
		records.push(record);
		offset = decoded.end;
	}
};

const readSegment = async (path: string): Promise<{ records: OutboxRecord[]; bytes: number }> => {
	const file = await openHostile(path);
	if (!file) return { records: [], bytes: 0 };
	try {
		const content = await file.readFile();
		return { records: parseSegment(content), bytes: content.length };
	} finally {
		await file.close();
	}
};

/** Ingests one segment's records; false when the ones before them are missing. */
const drainSegment = async (
	log: SessionLog,
	sessionId: SessionId,
	epoch: number,
	records: readonly OutboxRecord[]
): Promise<boolean> => {
	for (let at = 0; at < records.length; at += BATCH) {
		const result = await log.ingest(sessionId, epoch, records.slice(at, at + BATCH));
		if (!('ackedN' in result)) return false;
	}
	return true;
};

const listSegments = async (folder: string): Promise<string[]> => {
	const isFolder = await lstat(folder).then(
		(found) => found.isDirectory(),
		() => false
	);
	const names = isFolder ? await readdir(folder).catch(() => []) : [];
	return names
		.filter((name) => segmentFirstN(name) !== null)
		.sort()
		.slice(0, SEGMENTS_MAX);
};

/**
 * Returns how many events were new. Throws only what another try may mend: a record that can't be
 * stored must not keep its session from ending.
 */
export const drainOutbox = async (
	log: SessionLog,
	logger: Logger,
	sessionId: SessionId,
	epoch: number,
	sessionFolder: string
): Promise<number> => {
	const folder = join(sessionFolder, 'outbox');
	const before = (await log.find(sessionId))?.position.lastN ?? 0;
	try {
		let bytesLeft = TOTAL_MAX_BYTES;
		for (const name of await listSegments(folder)) {
			const { records, bytes } = await readSegment(join(folder, name));
			bytesLeft -= bytes;
			if (bytesLeft >= 0 && (await drainSegment(log, sessionId, epoch, records))) continue;
			logger.warn({ sessionId, name }, 'the outbox of a dead sandbox has a hole or no end');
			break;
		}
	} catch (cause) {
		if (isTransient(cause)) throw cause;
		logger.error({ err: cause, sessionId }, 'the outbox of a dead sandbox was not taken in');
	}
	const after = (await log.find(sessionId))?.position.lastN ?? before;
	return after - before;
};
