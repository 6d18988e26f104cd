/** A fork that somebody is about to ask for: from which turn, with which prompt. */
import type { Session } from '@agent-manager/protocol/session.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import { callApi } from './api-client.ts';
import { loadDraft, saveDraft } from './draft.ts';
import { newId } from './new-id.ts';

export interface ForkPlace {
	/** The newest turn that had ended by this event is the last that the fork knows of. */
	atSeq: number;
	/** What the prompt begins as. */
	prompt: string;
}

type Send = (body: object, key: string) => Promise<Result<{ session: Session }, WireError>>;

/** Where a fork from this block would begin; null when it is none that one can be made from. */
export const forkPlace = (block: Block): ForkPlace | null => {
	if (block.kind === 'turn' && block.seq !== null) return { atSeq: block.seq, prompt: '' };
	if (block.kind !== 'user' || block.begunSeq === null || block.from !== 'person') return null;
	return { atSeq: block.begunSeq - 1, prompt: block.text };
};

export class ForkController {
	asked = $state.raw<ForkPlace | null>(null);
	#prompt = $state('');
	busy = $state(false);
	error = $state.raw<WireError | null>(null);
	readonly #sessionId: string;
	readonly #send: Send;
	#attempt: { body: string; key: string } | null = null;

	constructor(
		sessionId: string,
		send: Send = (body, key) =>
			callApi<{ session: Session }>(`/api/sessions/${sessionId}/fork`, {
				...{ method: 'POST', body },
				idempotencyKey: key
			})
	) {
		this.#sessionId = sessionId;
		this.#send = send;
	}

	/** Kept in this browser until the fork is made, for when somebody asks for one from there again. */
	get prompt(): string {
		return this.#prompt;
	}

	set prompt(text: string) {
		this.#prompt = text;
		if (this.asked) saveDraft(this.#draftKey(this.asked), text === this.asked.prompt ? '' : text);
	}

	#draftKey({ atSeq }: ForkPlace): string {
		return `fork:${this.#sessionId}:${atSeq}`;
	}

	ask(asked: ForkPlace): void {
		this.asked = asked;
		this.#prompt = loadDraft(this.#draftKey(asked)) || asked.prompt;
		this.error = null;
	}

	close(): void {
		this.asked = null;
	}

	/** The new session's id; null when it was refused. The same asked again after a lost answer is one fork. */
	async send(): Promise<string | null> {
		if (!this.asked || this.busy) return null;
		const body = { atSeq: this.asked.atSeq, message: this.prompt };
		const text = JSON.stringify(body);
		if (this.#attempt?.body !== text) this.#attempt = { body: text, key: newId() };
		this.busy = true;
		this.error = null;
		const sent = await this.#send(body, this.#attempt.key);
		this.busy = false;
		if (!sent.ok) {
			this.error = sent.error;
			return null;
		}
		this.#attempt = null;
		saveDraft(this.#draftKey(this.asked), '');
		this.asked = null;
		return sent.value.session.id;
	}
}
