import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { AttachmentOwner } from '#lib/domain/attachment-format.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import {
	insertTestLog,
	insertTestRepo,
	insertTestSession
} from '../../../../tests/support/session-rows.ts';
import { findAttachments, insertAttachment, sweepAttachments } from './attachments.ts';

let database: TestDatabase;
let repo: RepoId;
beforeAll(async () => {
	database = await testDatabase();
	repo = (await insertTestRepo(database.db)) as RepoId;
});
afterAll(() => database.close());

const keep = async (owner: AttachmentOwner, age = '25 hours'): Promise<Attachment> => {
	const facts = {
		kind: 'text',
		name: 'a.txt',
		mediaType: 'text/plain',
		bytes: 1,
		lines: 1
	} as const;
	const attachment: Attachment = { id: randomUUID(), ...facts };
	const { db } = database;
	await insertAttachment(db, owner, attachment, Buffer.from('a'));
	for (const table of ['attachments', 'draft_attachments']) {
		await db.execute(sql`update ${sql.identifier(table)}
			set created_at = now() - ${age}::interval where id = ${attachment.id}`);
	}
	return attachment;
};

const accepted = (
	seq: number,
	payload: object,
	more: Partial<SessionEvent> = {}
): SessionEvent => ({
	...{ seq, ts: new Date().toISOString(), source: 'manager', type: 'message.accepted' },
	payload: { commandId: randomUUID(), text: '', from: 'person', ...payload },
	...more
});

it('removes what is a day old and was never sent, and nothing else', async () => {
	const { db } = database;
	const ofSession = async (): Promise<AttachmentOwner & { id: SessionId }> => ({
		kind: 'session',
		id: await insertTestSession(db, repo)
	});
	const ofRepo = { kind: 'repo', id: repo } as const;
	const owner = await ofSession();
	const sent = await keep(owner);
	const another = await keep(owner);
	const unsent = await keep(owner);
	const young = await keep(owner, '23 hours');
	const draft = await keep(ofRepo);
	const youngDraft = await keep(ofRepo, '23 hours');
	const events = [
		accepted(1, { attachments: [sent, another] }),
		// What an agent says names nothing.
		accepted(2, { attachments: [unsent] }, { source: 'claude', type: 'claude.user' })
	];
	await insertTestLog(db, events, owner.id);
	const unclear = await ofSession();
	const perhaps = await keep(unclear);
	await insertTestLog(db, [accepted(1, {}, { marks: ['oversize'] })], unclear.id);

	expect(await sweepAttachments(db, 1)).toBe(2);
	const all = [sent, another, unsent, young].map(({ id }) => id);
	expect(new Set(await findAttachments(db, owner, all))).toEqual(new Set([sent, another, young]));
	const drafts = await findAttachments(db, ofRepo, [draft.id, youngDraft.id]);
	expect(drafts).toEqual([youngDraft]);
	expect(await findAttachments(db, unclear, [perhaps.id])).toEqual([perhaps]);
	expect(await sweepAttachments(db, 1)).toBe(0);
});
