/** What a session asks, without the session's page being open: the request is fetched, the answer sent. */
import type { Decide } from '@agent-manager/protocol/requests.ts';
import type { EventPage } from '@agent-manager/protocol/responses.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { callApi } from './api-client.ts';
import type { CommandOutcome, Connection } from './connection.svelte.ts';
import type { RequestSource } from './request-answer.svelte.ts';

export class RequestDesk implements RequestSource {
	readonly #connection: Pick<Connection, 'command'>;
	readonly #sessionId: string;

	constructor(connection: Pick<Connection, 'command'>, sessionId: string) {
		this.#connection = connection;
		this.#sessionId = sessionId;
	}

	async eventAt(seq: number): Promise<SessionEvent | null> {
		const path = `/api/sessions/${this.#sessionId}/events?after=${Math.max(0, seq - 1)}&limit=1`;
		const page = await callApi<EventPage>(path);
		return page.ok ? (page.value.events.find((event) => event.seq === seq) ?? null) : null;
	}

	decide(decision: Decide): Promise<CommandOutcome> {
		const sessionId = this.#sessionId;
		return this.#connection.command({ type: 'session.decide', sessionId, ...decision });
	}
}
