/** Files that go along with messages: the bytes, and what is known of them. */
import { and, count, eq, inArray, lt, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { AttachmentOwner } from '#lib/domain/attachment-format.ts';
import type { Database, Executor } from './client.ts';
import { attachments, draftAttachments, events, isBoundary } from './schema.ts';

const shelfOf = (kind: AttachmentOwner['kind']) =>
	kind === 'session'
		? { table: attachments, owner: attachments.sessionId }
		: { table: draftAttachments, owner: draftAttachments.repoId };

/** Uploaded again under the same id it is there once, as it came first. */
export const insertAttachment = async (
	db: Executor,
	owner: AttachmentOwner,
	facts: Attachment,
	bytes: Uint8Array
): Promise<void> => {
	const row = { id: facts.id, facts, body: Buffer.from(bytes) };
	await (
		owner.kind === 'session'
			? db.insert(attachments).values({ ...row, sessionId: owner.id })
			: db.insert(draftAttachments).values({ ...row, repoId: owner.id })
	).onConflictDoNothing();
};

export const findAttachments = async (
	db: Database,
	{ kind, id }: AttachmentOwner,
	ids: readonly string[]
): Promise<Attachment[]> => {
	const { table, owner } = shelfOf(kind);
	const rows = await db
		.select({ facts: table.facts })
		.from(table)
		.where(and(eq(owner, id), inArray(table.id, [...ids])));
	return rows.map(({ facts }) => facts);
};

export const readAttachment = async (
	db: Database,
	{ kind, id }: AttachmentOwner,
	attachmentId: string
): Promise<{ facts: Attachment; body: Buffer } | null> => {
	const { table, owner } = shelfOf(kind);
	const [row] = await db
		.select({ facts: table.facts, body: table.body })
		.from(table)
		.where(and(eq(owner, id), eq(table.id, attachmentId)));
	return row ?? null;
};

export const countAttachments = async (
	db: Database,
	{ kind, id }: AttachmentOwner
): Promise<number> => {
	const { table, owner } = shelfOf(kind);
	const [row] = await db.select({ count: count() }).from(table).where(eq(owner, id));
	return row?.count ?? 0;
};

/** Gives a new session what was kept for it. False: some of it is not there any more. */
export const claimDraftAttachments = async (
	tx: Executor,
	repoId: RepoId,
	sessionId: SessionId,
	ids: readonly string[]
): Promise<boolean> => {
	if (ids.length === 0) return true;
	const taken = await tx
		.delete(draftAttachments)
		.where(and(eq(draftAttachments.repoId, repoId), inArray(draftAttachments.id, [...ids])))
		.returning();
	if (taken.length < ids.length) return false;
	await tx
		.insert(attachments)
		.values(taken.map(({ id, facts, body }) => ({ id, sessionId, facts, body })));
	return true;
};

/**
 * Removes what was uploaded so many days ago and never sent. What was sent is named by the event that accepted
 * the message; where that was too large for the log's row nobody can tell, and nothing of the session is removed.
 * Returns how many there were.
 */
export const sweepAttachments = async (db: Database, days: number): Promise<number> => {
	const old = (createdAt: AnyPgColumn) =>
		lt(createdAt, sql`now() - make_interval(days => ${days})`);
	const drafts = await db
		.delete(draftAttachments)
		.where(old(draftAttachments.createdAt))
		.returning({ id: draftAttachments.id });
	const accepted = sql`from ${events} where ${events.sessionId} = ${attachments.sessionId}
		and ${isBoundary} and ${events.type} = 'message.accepted'`;
	const unsent = await db
		.delete(attachments)
		.where(
			and(
				old(attachments.createdAt),
				sql`not exists (select ${accepted} and (${events.marks} ? 'oversize' or ${events.payload} @>
					jsonb_build_object('attachments', jsonb_build_array(jsonb_build_object('id', ${attachments.id})))))`
			)
		)
		.returning({ id: attachments.id });
	return drafts.length + unsent.length;
};
