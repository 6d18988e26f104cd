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
import { decodeRecord, segmentFirstN } from '@agent-manager/runner/outbox-codec.ts';
import type { SessionLog } from './session-log.ts';

/** A segment rolls at a fraction of this; more was not written by our runner. */
const SEGMENT_MAX_BYTES = 128 * 1_048_576;
const SEGMENTS_MAX = 1_000;
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

const readSegment = async (path: string): Promise<OutboxRecord[]> => {
	const file = await openHostile(path);
	if (!file) return [];
	try {
		return parseSegment(await file.readFile());
	} finally {
		await file.close();
	}
};

/** Returns how many events were new. */
export const drainOutbox = async (
	log: SessionLog,
	logger: Logger,
	sessionId: SessionId,
	epoch: number,
	sessionFolder: string
): Promise<number> => {
	const folder = join(sessionFolder, 'outbox');
	const isFolder = await lstat(folder).then(
		(found) => found.isDirectory(),
		() => false
	);
	const names = isFolder ? await readdir(folder) : [];
	const segments = names
		.filter((name) => segmentFirstN(name) !== null)
		.sort()
		.slice(0, SEGMENTS_MAX);
	const before = (await log.find(sessionId))?.position.lastN ?? 0;
	const records = (
		await Promise.all(segments.map((name) => readSegment(join(folder, name))))
	).flat();
	for (let at = 0; at < records.length; at += BATCH) {
		const result = await log.ingest(sessionId, epoch, records.slice(at, at + BATCH));
		if ('ackedN' in result) continue;
		logger.warn({ sessionId, result }, 'the outbox of a dead sandbox has a hole');
		break;
	}
	const after = (await log.find(sessionId))?.position.lastN ?? before;
	return after - before;
};
