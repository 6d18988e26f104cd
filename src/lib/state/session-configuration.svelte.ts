/** Mode, model and effort of one session as a person changes them, and what its agent offers to choose from. */
import { runnerEventSchemas, type RunnerEventPayload } from '@agent-manager/protocol/events.ts';
import type { Configure } from '@agent-manager/protocol/requests.ts';
import { effortSchema, type Effort } from '@agent-manager/protocol/session.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import type { Result } from '#lib/domain/result.ts';
import type { Connection } from './connection.svelte.ts';
import { tellRefusal } from './tell-refusal.ts';

type Offers = RunnerEventPayload<'runner.offered'>;
type Option = { value: string; label: string; short?: string; note?: string };

/** Before an agent has said what it has. */
const MODEL_ALIASES = ['opus', 'sonnet', 'haiku'];

export class SessionConfiguration {
	readonly #connection: Pick<Connection, 'command'>;
	readonly #sessionId: string;
	readonly #fetch: (path: string) => Promise<Result<unknown, WireError>>;
	#offers = $state.raw<Offers | null>(null);
	#loadedSeq = 0;

	constructor(
		connection: Pick<Connection, 'command'>,
		sessionId: string,
		fetch: (path: string) => Promise<Result<unknown, WireError>>
	) {
		this.#connection = connection;
		this.#sessionId = sessionId;
		this.#fetch = fetch;
	}

	/** The agent's own commands, without the slash. */
	get commands(): Offers['commands'] {
		return this.#offers?.commands ?? [];
	}

	/** Fetches what the agent offers, once for each time that it said so. */
	load(offersSeq: number | null): void {
		if (offersSeq === null || offersSeq === this.#loadedSeq) return;
		this.#loadedSeq = offersSeq;
		void this.#load(offersSeq);
	}

	/** Every model to choose from, the one that is chosen among them. */
	modelOptions(chosen: string | null): Option[] {
		const offered = (this.#offers?.models ?? [])
			.filter(({ value }) => value !== 'default')
			.map(({ value, displayName, description }) => ({
				value,
				label: cleanLine(displayName, 60),
				note: cleanLine(description, 120)
			}));
		const known: Option[] =
			offered.length > 0 ? offered : MODEL_ALIASES.map((value) => ({ value, label: value }));
		const isKnown = chosen === null || known.some(({ value }) => value === chosen);
		return [
			{ value: '', label: 'Default model', short: 'Model' },
			...known,
			...(isKnown ? [] : [{ value: chosen, label: chosen }])
		];
	}

	/** What the chosen model can be set to; nothing where the agent says that it has no efforts. */
	effortsOf(chosen: string | null): Effort[] {
		const models = this.#offers?.models ?? [];
		const model = models.find(({ value }) => value === (chosen ?? 'default'));
		const efforts = model ? model.efforts : models.length > 0 ? effortSchema.options : [];
		return effortSchema.options.filter((effort) => efforts.includes(effort));
	}

	async change(change: Configure): Promise<void> {
		const outcome = await this.#connection.command({
			type: 'session.configure',
			sessionId: this.#sessionId,
			...change
		});
		tellRefusal(outcome);
	}

	async #load(seq: number): Promise<void> {
		const body = await this.#fetch(`/api/sessions/${this.#sessionId}/events/${seq}`);
		const offers = body.ok ? runnerEventSchemas['runner.offered'].safeParse(body.value) : null;
		if (offers?.success) this.#offers = offers.data;
		else this.#loadedSeq = 0;
	}
}
