/** Files for messages: looked at before they are kept, and given out only to their own session. */
import { ATTACHMENT_LIMITS, type Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { describeAttachment } from '#lib/domain/attachment-format.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import {
	countAttachments,
	findAttachments,
	insertAttachment,
	readAttachment
} from '#lib/server/db/attachments.ts';
import type { Database } from '#lib/server/db/client.ts';
import { findSession } from '#lib/server/db/sessions.ts';

export interface AttachmentBody {
	facts: Attachment;
	body: Buffer;
}

const unknown = (): WireError => wireError('not_found', 'There is no attachment with this id.');

export class AttachmentService {
	readonly #db: Database;

	constructor(db: Database) {
		this.#db = db;
	}

	/** Keeps the file under the id that the client chose: sent again, it is there once. */
	async add(
		sessionId: SessionId,
		id: string,
		name: string,
		body: Uint8Array
	): Promise<Result<Attachment, WireError>> {
		const described = describeAttachment(name, body);
		if (!described.ok) return described;
		if (!(await findSession(this.#db, sessionId))) {
			return fail(wireError('session_not_found', 'There is no session with this id.'));
		}
		const { perSession } = ATTACHMENT_LIMITS;
		if ((await countAttachments(this.#db, sessionId)) >= perSession) {
			return fail(wireError('payload_too_large', `A session holds ${perSession} attachments.`));
		}
		await insertAttachment(this.#db, sessionId, { id, ...described.value }, body);
		const [kept] = await findAttachments(this.#db, sessionId, [id]);
		// The id is another session's.
		return kept ? ok(kept) : fail(wireError('idempotency_conflict', 'This id is taken.'));
	}

	async read(sessionId: SessionId, id: string): Promise<Result<AttachmentBody, WireError>> {
		const found = await readAttachment(this.#db, sessionId, id);
		return found ? ok(found) : fail(unknown());
	}

	/** What is known of them, in this order. */
	async describe(
		sessionId: SessionId,
		ids: readonly string[]
	): Promise<Result<Attachment[], WireError>> {
		if (ids.length === 0) return ok([]);
		const found = await findAttachments(this.#db, sessionId, ids);
		const inOrder = ids.flatMap((id) => found.filter((facts) => facts.id === id));
		return inOrder.length === ids.length ? ok(inOrder) : fail(unknown());
	}
}
