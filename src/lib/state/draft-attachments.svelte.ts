/**
 * Files that shall go along with the next message. Each is looked at here, before anything is sent, then kept by
 * the server at once: so a reload loses none, and a message only names them.
 */
import { ATTACHMENT_LIMITS, type Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { attachmentName, describeAttachment } from '#lib/domain/attachment-format.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { newId } from './new-id.ts';

export interface DraftAttachment {
	id: string;
	name: string;
	/** Null while it is on its way to the server. */
	facts: Attachment | null;
}

/** Whose they become: of a session, or of the next one that is started in a repo. */
export type AttachmentPlace = `sessions/${string}` | `repos/${string}`;

type Upload = (id: string, file: File) => Promise<Result<Attachment, WireError>>;

const storageKey = (place: AttachmentPlace): string =>
	`draft-files:${place.replace(/^sessions\//, '')}`;

const load = (place: AttachmentPlace): DraftAttachment[] => {
	try {
		const kept = JSON.parse(localStorage.getItem(storageKey(place)) ?? '[]') as Attachment[];
		return kept.map((facts) => ({ id: facts.id, name: facts.name, facts }));
	} catch {
		return [];
	}
};

export const attachmentUrl = (place: AttachmentPlace, id: string): string =>
	`/api/${place}/attachments/${id}`;

/** The upload as pages do it. */
export const uploadTo =
	(place: AttachmentPlace): Upload =>
	async (id, file) => {
		const path = `${attachmentUrl(place, id)}?name=${encodeURIComponent(file.name)}`;
		try {
			const response = await fetch(path, { method: 'PUT', body: file });
			const body = (await response.json()) as { attachment: Attachment; error: WireError };
			return response.ok ? ok(body.attachment) : fail(body.error);
		} catch {
			return fail(wireError('shutting_down', 'The file could not be sent: the app is not there.'));
		}
	};

export class DraftAttachments {
	items = $state.raw<DraftAttachment[]>([]);
	/** Why files were not taken, in words; until the next ones come. */
	problems = $state.raw<string[]>([]);
	readonly place: AttachmentPlace;
	readonly #upload: Upload;

	constructor(place: AttachmentPlace, upload: Upload = uploadTo(place)) {
		this.place = place;
		this.#upload = upload;
		this.items = load(place);
	}

	get busy(): boolean {
		return this.items.some(({ facts }) => facts === null);
	}

	get ready(): Attachment[] {
		return this.items.flatMap(({ facts }) => facts ?? []);
	}

	async add(files: readonly File[]): Promise<void> {
		this.problems = [];
		const room = ATTACHMENT_LIMITS.perMessage - this.items.length;
		if (files.length > room) {
			this.#refuse(`At most ${ATTACHMENT_LIMITS.perMessage} files go along with a message.`);
		}
		await Promise.all(files.slice(0, Math.max(0, room)).map((file) => this.#take(file)));
	}

	remove(id: string): void {
		this.#set(this.items.filter((item) => item.id !== id));
	}

	/** All that are ready; they stand here no more. */
	take(): Attachment[] {
		const { ready } = this;
		this.#set(this.items.filter(({ facts }) => facts === null));
		this.problems = [];
		return ready;
	}

	/** Gives them back, when the message was not sent. */
	putBack(attachments: readonly Attachment[]): void {
		const back = attachments.map((facts) => ({ id: facts.id, name: facts.name, facts }));
		this.#set([...back, ...this.items]);
	}

	dismiss(): void {
		this.problems = [];
	}

	async #take(file: File): Promise<void> {
		const id = newId();
		const name = attachmentName(file.name, 'file');
		this.#set([...this.items, { id, name, facts: null }]);
		const described = describeAttachment(file.name, await headOrWhole(file), file.size);
		const kept = described.ok ? await this.#upload(id, file) : described;
		if (!kept.ok) {
			this.#refuse(kept.error.message);
			this.remove(id);
			return;
		}
		const facts = kept.value;
		// It may have been removed meanwhile.
		this.#set(this.items.map((item) => (item.id === id ? { id, name: facts.name, facts } : item)));
	}

	#refuse(problem: string): void {
		this.problems = [...this.problems, problem];
	}

	#set(items: DraftAttachment[]): void {
		this.items = items;
		try {
			const key = storageKey(this.place);
			if (this.ready.length === 0) localStorage.removeItem(key);
			else localStorage.setItem(key, JSON.stringify(this.ready));
		} catch {
			// A full or forbidden store costs only the draft.
		}
	}
}

/** A file of gigabytes is refused by what is in memory of it: more than any limit is enough to see that. */
const headOrWhole = async (file: File): Promise<Uint8Array> => {
	const most = ATTACHMENT_LIMITS.imageBytes + 1;
	return new Uint8Array(await file.slice(0, most).arrayBuffer());
};
