/** Files that go along with messages: the bytes, and what is known of them. */
import { and, count, eq, inArray } from 'drizzle-orm';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Database, Executor } from './client.ts';
import { attachments } from './schema.ts';

/** Uploaded again under the same id it is there once, as it came first. */
export const insertAttachment = async (
	db: Executor,
	sessionId: SessionId,
	facts: Attachment,
	body: Uint8Array
): Promise<void> => {
	const row = { id: facts.id, sessionId, facts, body: Buffer.from(body) };
	await db.insert(attachments).values(row).onConflictDoNothing();
};

export const findAttachments = async (
	db: Database,
	sessionId: SessionId,
	ids: readonly string[]
): Promise<Attachment[]> => {
	const rows = await db
		.select({ facts: attachments.facts })
		.from(attachments)
		.where(and(eq(attachments.sessionId, sessionId), inArray(attachments.id, [...ids])));
	return rows.map(({ facts }) => facts);
};

export const readAttachment = async (
	db: Database,
	sessionId: SessionId,
	id: string
): Promise<{ facts: Attachment; body: Buffer } | null> => {
	const [row] = await db
		.select({ facts: attachments.facts, body: attachments.body })
		.from(attachments)
		.where(and(eq(attachments.sessionId, sessionId), eq(attachments.id, id)));
	return row ?? null;
};

export const countAttachments = async (db: Database, sessionId: SessionId): Promise<number> => {
	const [row] = await db
		.select({ count: count() })
		.from(attachments)
		.where(eq(attachments.sessionId, sessionId));
	return row?.count ?? 0;
};
