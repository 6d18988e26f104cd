/**
 * The messages of a session that the agent has not begun, with their words: the row says which there are,
 * the log has what they say, also when the page's window of it begins later.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Connection } from './connection.svelte.ts';
import { tellRefusal } from './tell-refusal.ts';

type FetchPayload = (path: string) => Promise<Result<{ text?: unknown }, WireError>>;

export class QueuedMessages {
	readonly #connection: Pick<Connection, 'command'>;
	readonly #sessionId: string;
	readonly #fetch: FetchPayload;
	/** By the event that has them; null while they are fetched. */
	readonly #texts = new SvelteMap<number, string | null>();
	/** The message whose change waits for its answer. */
	busy = $state<string | null>(null);

	constructor(connection: Pick<Connection, 'command'>, sessionId: string, fetch: FetchPayload) {
		this.#connection = connection;
		this.#sessionId = sessionId;
		this.#fetch = fetch;
	}

	/** Fetches the words that are not known yet. */
	sync(queued: Session['queued']): void {
		for (const { seq } of queued) {
			if (this.#texts.has(seq)) continue;
			this.#texts.set(seq, null);
			void this.#load(seq);
		}
	}

	/** What the message of this event says; null while that is not known. */
	text(seq: number): string | null {
		return this.#texts.get(seq) ?? null;
	}

	/** Resolves with true when it is changed. */
	edit(messageId: string, message: string): Promise<boolean> {
		return this.#change('session.edit_message', messageId, { message });
	}

	remove(messageId: string): Promise<boolean> {
		return this.#change('session.remove_message', messageId, {});
	}

	/** Before the other one, or last. */
	move(messageId: string, before: string | null): Promise<boolean> {
		return this.#change('session.move_message', messageId, { before });
	}

	async #load(seq: number): Promise<void> {
		const body = await this.#fetch(`/api/sessions/${this.#sessionId}/events/${seq}`);
		if (body.ok && typeof body.value.text === 'string') this.#texts.set(seq, body.value.text);
		else this.#texts.delete(seq);
	}

	async #change(
		type: 'session.edit_message' | 'session.remove_message' | 'session.move_message',
		messageId: string,
		more: object
	): Promise<boolean> {
		this.busy = messageId;
		const outcome = await this.#connection.command({
			type,
			sessionId: this.#sessionId,
			messageId,
			...more
		});
		this.busy = null;
		tellRefusal(outcome);
		return outcome.kind === 'ack';
	}
}
