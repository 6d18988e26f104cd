/** Files for messages: looked at before they are kept, and given out only to whom they are of. */
import { ATTACHMENT_LIMITS, type Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { describeAttachment, type AttachmentOwner } from '#lib/domain/attachment-format.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import {
	countAttachments,
	findAttachments,
	insertAttachment,
	readAttachment
} from '#lib/server/db/attachments.ts';
import type { Database } from '#lib/server/db/client.ts';
import { findRepo } from '#lib/server/db/repos.ts';
import { findSession } from '#lib/server/db/sessions.ts';

export interface AttachmentBody {
	facts: Attachment;
	body: Buffer;
}

const unknown = (): WireError => wireError('not_found', 'There is no attachment with this id.');

const gone = (): WireError =>
	wireError('not_found', 'An attachment is not there any more: it was not sent for a day.', {
		hint: 'Remove it and attach the file again.'
	});

export class AttachmentService {
	readonly #db: Database;

	constructor(db: Database) {
		this.#db = db;
	}

	/** Keeps the file under the id that the client chose: sent again, it is there once. */
	async add(
		owner: AttachmentOwner,
		id: string,
		name: string,
		body: Uint8Array
	): Promise<Result<Attachment, WireError>> {
		const described = describeAttachment(name, body);
		if (!described.ok) return described;
		const missing = await this.#missing(owner);
		if (missing) return fail(missing);
		const { perSession } = ATTACHMENT_LIMITS;
		if ((await countAttachments(this.#db, owner)) >= perSession) {
			return fail(
				wireError('payload_too_large', `A ${owner.kind} holds ${perSession} attachments.`)
			);
		}
		await insertAttachment(this.#db, owner, { id, ...described.value }, body);
		const [kept] = await findAttachments(this.#db, owner, [id]);
		// The id is somebody else's.
		return kept ? ok(kept) : fail(wireError('idempotency_conflict', 'This id is taken.'));
	}

	async #missing({ kind, id }: AttachmentOwner): Promise<WireError | null> {
		if (kind === 'session') {
			if (await findSession(this.#db, id)) return null;
			return wireError('session_not_found', 'There is no session with this id.');
		}
		if (await findRepo(this.#db, id)) return null;
		return wireError('repo_not_found', 'There is no repo with this id.');
	}

	async read(owner: AttachmentOwner, id: string): Promise<Result<AttachmentBody, WireError>> {
		const found = await readAttachment(this.#db, owner, id);
		return found ? ok(found) : fail(unknown());
	}

	/** What is known of them, in this order. */
	async describe(
		owner: AttachmentOwner,
		ids: readonly string[]
	): Promise<Result<Attachment[], WireError>> {
		if (ids.length === 0) return ok([]);
		const found = await findAttachments(this.#db, owner, ids);
		const inOrder = ids.flatMap((id) => found.filter((facts) => facts.id === id));
		return inOrder.length === ids.length ? ok(inOrder) : fail(gone());
	}
}
