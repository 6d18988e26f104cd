/**
 * Looks whether the agent's process still answers while a turn is open. A silent one may think, wait for
 * the model or for a command, so silence says nothing by itself: it is asked, and named only when it
 * gives no answer at all. Nothing is ended: it may go on, and then that is said, too.
 */
import { errorText, type Log } from './log.ts';

const LOOK_MS = 5_000;
const ASK_AFTER_MS = 10_000;
/** With the looks around it, an agent that is frozen is named within 45 s. */
const NAME_AFTER_MS = 30_000;
/** More than this between two looks: this process was held up itself, and saw nothing meanwhile. */
const WATCHED_MAX_MS = 2 * LOOK_MS;

export interface AgentWatchDeps {
	/** A turn is open, and what the agent says is read. */
	isDue: () => boolean;
	/** Settles with whatever the agent answers. */
	ask: () => Promise<unknown>;
	onSilent: (afterSeconds: number) => void;
	onHeard: () => void;
	/** Monotonic. */
	nowMs: () => number;
	log: Log;
}

export class AgentWatch {
	readonly #deps: AgentWatchDeps;
	/** Goes on only while somebody looks. */
	#watchedMs = 0;
	#lookedAtMs: number;
	#heardMs = 0;
	#asked = false;
	#named = false;
	#timer: NodeJS.Timeout | null = null;

	constructor(deps: AgentWatchDeps) {
		this.#deps = deps;
		this.#lookedAtMs = deps.nowMs();
	}

	start(): void {
		this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
	}

	stop(): void {
		if (this.#timer) clearInterval(this.#timer);
		this.#timer = null;
		this.#named = false;
	}

	/** Anything has come from the agent. */
	heard(): void {
		this.#heardMs = this.#watchedMs;
		this.#asked = false;
		if (!this.#named) return;
		this.#named = false;
		this.#deps.onHeard();
	}

	look(): void {
		const now = this.#deps.nowMs();
		this.#watchedMs += Math.min(Math.max(0, now - this.#lookedAtMs), WATCHED_MAX_MS);
		this.#lookedAtMs = now;
		if (!this.#deps.isDue()) {
			this.#heardMs = this.#watchedMs;
			this.#asked = false;
			return;
		}
		const silentMs = this.#watchedMs - this.#heardMs;
		if (silentMs >= ASK_AFTER_MS && !this.#asked) this.#ask();
		if (silentMs < NAME_AFTER_MS || this.#named) return;
		this.#named = true;
		this.#deps.onSilent(Math.round(silentMs / 1_000));
	}

	#ask(): void {
		this.#asked = true;
		this.#deps.ask().then(
			() => this.heard(),
			(error: unknown) => {
				// A refusal is an answer, too; but so comes the end of an agent, which is told elsewhere.
				this.#heardMs = this.#watchedMs;
				this.#asked = false;
				this.#deps.log('info', 'the agent was asked in vain', { error: errorText(error) });
			}
		);
	}
}
