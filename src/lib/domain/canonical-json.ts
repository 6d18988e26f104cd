/**
 * One spelling for equal JSON, and the hash of a transcript over it: with it a test shows that the
 * browser, the API and the database hold the same events.
 */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { sha256Hex } from './sha256.ts';

const sorted = (value: unknown): unknown => {
	if (Array.isArray(value)) return value.map(sorted);
	if (value === null || typeof value !== 'object') return value;
	const entries = Object.entries(value as Record<string, unknown>)
		.filter(([, held]) => held !== undefined)
		.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
	// A null prototype, or a key named __proto__ would be lost.
	const result = Object.create(null) as Record<string, unknown>;
	for (const [key, held] of entries) result[key] = sorted(held);
	return result;
};

/** JSON with the keys of every object in order of their UTF-16 code units, and no white space. */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value)) ?? 'null';

/** The part of an event that is its identity: everything but its time. */
export type HashedEvent = Pick<SessionEvent, 'seq' | 'source' | 'type' | 'payload'>;

/** Hash of no event. */
export const EMPTY_TRANSCRIPT_HASH = sha256Hex('');

/** The hash after one more event: each covers all that came before. */
export const extendTranscriptHash = (hash: string, event: HashedEvent): string => {
	const { seq, source, type, payload } = event;
	return sha256Hex(`${hash}\n${canonicalJson({ seq, source, type, payload })}`);
};

/** 64 hexadecimal digits over the events in the order given. */
export const transcriptHash = (events: Iterable<HashedEvent>): string => {
	let hash = EMPTY_TRANSCRIPT_HASH;
	for (const event of events) hash = extendTranscriptHash(hash, event);
	return hash;
};
