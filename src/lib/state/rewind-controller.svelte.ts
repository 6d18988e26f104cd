/** A rewind that somebody is about to ask for: to before which prompt, with or without the files. */
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RewindPlan } from '@agent-manager/protocol/rewind.ts';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import { callApi, type ApiResult } from './api-client.ts';
import { newId } from './new-id.ts';

export interface RewindPlace {
	/** Where the prompt's turn began. */
	atSeq: number;
	prompt: string;
	attachments: readonly Attachment[];
}

/** The prompt that this block is; null when none that a turn began with. */
export const rewindPlace = (block: Block): RewindPlace | null => {
	if (block.kind !== 'user' || block.begunSeq === null || block.delivery !== 'delivered') {
		return null;
	}
	return { atSeq: block.begunSeq, prompt: block.text, attachments: block.attachments ?? [] };
};

type Call = <T>(path: string, options?: Parameters<typeof callApi>[1]) => ApiResult<T>;

export class RewindController {
	asked = $state.raw<RewindPlace | null>(null);
	/** What it would do; null until it is known. */
	plan = $state.raw<RewindPlan | null>(null);
	files = $state<'keep' | 'restore'>('keep');
	busy = $state(false);
	error = $state.raw<WireError | null>(null);
	readonly #path: string;
	readonly #call: Call;
	#attempt: { body: string; key: string } | null = null;

	constructor(sessionId: string, call: Call = callApi) {
		this.#path = `/api/sessions/${sessionId}/rewind`;
		this.#call = call;
	}

	async ask(asked: RewindPlace): Promise<void> {
		this.asked = asked;
		this.plan = null;
		this.error = null;
		const plan = await this.#call<RewindPlan>(`${this.#path}?atSeq=${asked.atSeq}`);
		if (this.asked !== asked) return;
		if (!plan.ok) {
			this.error = plan.error;
			return;
		}
		this.plan = plan.value;
		this.files = plan.value.keptAt === null ? 'keep' : 'restore';
	}

	close(): void {
		this.asked = null;
	}

	/** What was said there, for it to be said again; null when it was refused. */
	async send(): Promise<RewindPlace | null> {
		const { asked } = this;
		if (!asked || this.busy) return null;
		const body = { atSeq: asked.atSeq, files: this.files };
		const text = JSON.stringify(body);
		// The same asked again after a lost answer is one rewind.
		if (this.#attempt?.body !== text) this.#attempt = { body: text, key: newId() };
		this.busy = true;
		this.error = null;
		const idempotencyKey = this.#attempt.key;
		const sent = await this.#call(this.#path, { method: 'POST', body, idempotencyKey });
		this.busy = false;
		if (!sent.ok) {
			this.error = sent.error;
			return null;
		}
		this.#attempt = null;
		this.asked = null;
		return asked;
	}

	/** Why not, or null. */
	async undo(): Promise<WireError | null> {
		this.busy = true;
		const sent = await this.#call(`${this.#path}/undo`, {
			...{ method: 'POST', idempotencyKey: newId() }
		});
		this.busy = false;
		return sent.ok ? null : sent.error;
	}
}
