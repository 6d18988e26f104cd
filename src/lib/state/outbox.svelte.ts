/**
 * Messages on their way from this page to the session: shown until the log has them. What could not
 * be decided stays with its text and says so; sending it again uses the same idempotency key, so it
 * can't come twice.
 */
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { CommandOutcome, Connection } from './connection.svelte.ts';
import { newId } from './new-id.ts';

export interface OutgoingMessage {
	commandId: string;
	text: string;
	/** Into the turn that runs. */
	steer: boolean;
	attachments: Attachment[];
	/** `accepted`: stored by the manager, its event is about to arrive. */
	state: 'sending' | 'accepted' | 'unknown' | 'failed';
	error: WireError | null;
}

export class Outbox {
	/** Oldest first. */
	messages = $state.raw<OutgoingMessage[]>([]);

	readonly #connection: Connection;
	readonly #sessionId: string;

	constructor(connection: Connection, sessionId: string) {
		this.#connection = connection;
		this.#sessionId = sessionId;
	}

	send(text: string, steer = false, attachments: Attachment[] = []): Promise<void> {
		const message: OutgoingMessage = {
			...{ commandId: newId(), text, steer, attachments },
			...{ state: 'sending', error: null }
		};
		this.messages = [...this.messages, message];
		return this.#deliver(message);
	}

	retry(commandId: string): Promise<void> {
		const message = this.messages.find((m) => m.commandId === commandId);
		if (!message) return Promise.resolve();
		this.#change(commandId, { state: 'sending', error: null });
		return this.#deliver(message);
	}

	/** Takes the message away and returns it, for the composer. */
	withdraw(commandId: string): OutgoingMessage | null {
		const message = this.messages.find((m) => m.commandId === commandId) ?? null;
		this.messages = this.messages.filter((m) => m.commandId !== commandId);
		return message;
	}

	/** The log has it. */
	stored(commandId: string): void {
		if (this.messages.some((m) => m.commandId === commandId)) this.withdraw(commandId);
	}

	async #deliver(message: OutgoingMessage): Promise<void> {
		const outcome = await this.#connection.command(
			{
				type: 'session.send_message',
				sessionId: this.#sessionId,
				message: message.text,
				...(message.steer && { steer: true }),
				...(message.attachments.length > 0 && {
					attachments: message.attachments.map(({ id }) => id)
				})
			},
			message.commandId
		);
		this.#change(message.commandId, changeOf(outcome));
	}

	#change(commandId: string, change: Partial<OutgoingMessage>): void {
		this.messages = this.messages.map((m) => (m.commandId === commandId ? { ...m, ...change } : m));
	}
}

const changeOf = (outcome: CommandOutcome): Partial<OutgoingMessage> => {
	switch (outcome.kind) {
		case 'ack':
			return { state: 'accepted' };
		case 'error':
			return { state: 'failed', error: outcome.error };
		case 'unknown':
			return { state: 'unknown' };
	}
};
