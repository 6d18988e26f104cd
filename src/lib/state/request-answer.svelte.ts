/** One request of an agent and a person's answer to it, wherever its card is shown. */
import { toast } from 'svelte-sonner';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Decide } from '@agent-manager/protocol/requests.ts';
import type { PendingRequest } from '@agent-manager/protocol/session.ts';
import { destructiveWords } from '#lib/domain/destructive-command.ts';
import { flagAt, textAt, textsAt } from '#lib/domain/loose-json.ts';
import { ruleChoices, ruleRefusal, type AskedCall, type Place } from '#lib/domain/rule-answer.ts';
import { callApi } from './api-client.ts';
import type { CommandOutcome } from './connection.svelte.ts';
import { requestBlock, requestReason } from './pending-request.ts';

/** Where a card has its request from: a session that is open, or the list of all that wait. */
export interface RequestSource {
	eventAt(seq: number): Promise<SessionEvent | null>;
	decide(decision: Decide): Promise<CommandOutcome>;
}

type Answer = Omit<Decide, 'requestId'>;

export class RequestAnswer {
	readonly request: PendingRequest;
	readonly #sessionId: string;
	readonly #source: RequestSource;
	readonly #place: () => Place | null;
	event = $state.raw<SessionEvent | null>(null);
	loaded = $state(false);
	busy = $state<'allow' | 'deny' | null>(null);
	error = $state.raw<WireError | null>(null);

	readonly block = $derived.by(() => (this.event ? requestBlock(this.request, this.event) : null));
	readonly reason = $derived.by(() => requestReason(this.event));
	readonly #call = $derived.by((): AskedCall | null => {
		if (!this.block || this.request.kind !== 'approval') return null;
		const noRule = flagAt(this.event?.payload, 'noRule');
		return { toolName: this.request.toolName, input: this.block.input, noRule };
	});
	/** Ways to allow the like from now on; none where a person is to be asked each time. */
	readonly choices = $derived.by(() => {
		const suggested = textsAt(this.event?.payload, 'suggestedRules');
		return this.asked ? ruleChoices(this.asked.call, suggested, this.asked.place) : [];
	});
	readonly alwaysAsked = $derived.by(() =>
		this.asked ? ruleRefusal(this.asked.call, this.asked.place) : null
	);
	/** What rules would be held against; null while that is not known, and of what is no approval. */
	readonly asked = $derived.by((): { call: AskedCall; place: Place } | null => {
		const place = this.#place();
		return this.#call && place && { call: this.#call, place };
	});

	/** `place` is null until the page knows it. */
	constructor(
		request: PendingRequest,
		sessionId: string,
		source: RequestSource,
		place: () => Place | null
	) {
		this.request = request;
		this.#sessionId = sessionId;
		this.#source = source;
		this.#place = place;
	}

	/**
	 * What it does that is hard to take back, or why one key is not enough; null when one is. `changed`: as a
	 * person has changed what is asked.
	 */
	dangerOf(changed: JsonObject | null): string | null {
		const isCommand = this.#call?.toolName === 'Bash';
		const command = isCommand ? textAt(changed ?? this.#call?.input, 'command') : null;
		const words = command === null ? null : destructiveWords(command);
		const asked = flagAt(this.event?.payload, 'askTwice');
		return words ?? (asked ? 'is one to look at twice, says the agent' : null);
	}

	async load(): Promise<void> {
		const event = await this.#source.eventAt(this.request.seq);
		this.event = event?.marks ? await this.#whole(event) : event;
		this.loaded = true;
	}

	/** One decides on all of what is asked, and changes all of it: the log's row may be shortened. */
	async #whole(event: SessionEvent): Promise<SessionEvent | null> {
		const path = `/api/sessions/${this.#sessionId}/events/${event.seq}`;
		const payload = await callApi<JsonObject>(path);
		return payload.ok ? { ...event, payload: payload.value } : null;
	}

	/** True when the answer was taken. */
	async give(answer: Answer): Promise<boolean> {
		this.busy = answer.decision;
		this.error = null;
		const outcome = await this.#source.decide({ ...answer, requestId: this.request.requestId });
		this.busy = null;
		if (outcome.kind === 'error') this.#refused(outcome.error);
		if (outcome.kind === 'unknown') {
			this.error = {
				code: 'internal',
				message:
					'Nobody knows whether your answer has reached the app. Answer again if it still asks.'
			};
		}
		return outcome.kind === 'ack';
	}

	#refused(error: WireError): void {
		this.error = error;
		if (error.code !== 'decision_not_pending') return;
		// The card goes with the request: who was too late hears of it all the same.
		toast('Somebody has answered this already.', {
			description: 'In another window, by a rule, or the turn has ended. Your answer did nothing.'
		});
	}
}
