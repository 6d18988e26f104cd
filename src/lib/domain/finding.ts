/** One difference that an inventory found, and the few rules that all of its parts share. Pure. */
import type { Finding, FindingClass, FindingKind, Repair } from '@agent-manager/protocol/health.ts';
import type { Listing } from './inventory-facts.ts';

/** What is younger may be in somebody's hands just now. */
export const FRESH_MS = 30_000;
/** Half-made folders and throw-away sandboxes older than this belong to a step that was cut off. */
export const STALE_MS = 60 * 60_000;

export interface FindingDraft {
	class: FindingClass;
	kind: FindingKind;
	name: string;
	cause: string;
	sessionId?: string | null;
	repoId?: string | null;
	sinceMs?: number | null;
	repair?: Repair | null;
}

export const finding = (draft: FindingDraft): Finding => ({
	id: `${draft.class}:${draft.kind}:${draft.name}`,
	class: draft.class,
	kind: draft.kind,
	name: draft.name,
	cause: draft.cause,
	sessionId: draft.sessionId ?? null,
	repoId: draft.repoId ?? null,
	bytes: null,
	since: draft.sinceMs ? new Date(draft.sinceMs).toISOString() : null,
	repair: draft.repair ?? null,
	problem: null
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const isSessionId = (name: string): boolean => UUID.test(name);

export const itemsOf = <T>(listing: Listing<T>): readonly T[] => (listing.ok ? listing.items : []);

export const foreign = (name: string, cause: string, sinceMs: number | null = null): Finding =>
	finding({ class: 'foreign', kind: 'file', name, cause, sinceMs });
