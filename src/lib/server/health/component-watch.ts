/**
 * Looks at each thing that the app stands on, again and again, and remembers what it saw and when.
 * A look that hangs is given up and says so; one that throws is itself a finding.
 */
import type { Component, ComponentState } from '@agent-manager/protocol/health.ts';

export interface Look {
	state: ComponentState;
	found: string;
	advice: string | null;
	/** Takes the place of the time that the look took; null where there is nothing to wait for. */
	latencyMs?: number | null;
	/** When it was really seen, if that was not just now. */
	lookedAtMs?: number | null;
}

export interface ComponentCheck {
	/** Stable, for programs. */
	name: string;
	title: string;
	everyMs: number;
	look: () => Promise<Look>;
}

export const fine = (found: string): Look => ({ state: 'ok', found, advice: null });
export const poor = (found: string, advice: string): Look => ({ state: 'warn', found, advice });
export const broken = (found: string, advice: string): Look => ({ state: 'fail', found, advice });

export interface ComponentWatchOptions {
	checks: readonly ComponentCheck[];
	/** What a look that threw means, and what to do. */
	explain: (cause: unknown) => Pick<Look, 'found' | 'advice'>;
	now: () => Date;
	/** Monotonic. */
	nowMs: () => number;
}

const GIVE_UP_MS = 10_000;
const HUNG: Look = broken('It did not answer in 10 s.', 'It is asked again; see the app’s log.');

const inTime = (look: Promise<Look>): Promise<Look> => {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<Look>((resolve) => {
		timer = setTimeout(() => resolve(HUNG), GIVE_UP_MS);
	});
	return Promise.race([look, late]).finally(() => clearTimeout(timer));
};

export class ComponentWatch {
	readonly #options: ComponentWatchOptions;
	readonly #seen = new Map<string, Component>();
	readonly #timers: NodeJS.Timeout[] = [];
	readonly #looking = new Map<string, Promise<void>>();

	constructor(options: ComponentWatchOptions) {
		this.#options = options;
	}

	start(): void {
		for (const check of this.#options.checks) {
			void this.#look(check);
			const timer = setInterval(() => void this.#look(check), check.everyMs);
			this.#timers.push(timer.unref());
		}
	}

	async stop(): Promise<void> {
		for (const timer of this.#timers) clearInterval(timer);
		await Promise.allSettled(this.#looking.values());
	}

	/** Everything at once; for a person who asks. */
	async lookNow(): Promise<void> {
		await Promise.all(this.#options.checks.map((check) => this.#look(check)));
	}

	/** In the order of the checks. */
	list(): Component[] {
		return this.#options.checks.map(
			({ name, title }) =>
				this.#seen.get(name) ?? {
					...{ name, title, state: 'unknown', found: 'Not looked at yet.', advice: null },
					...{ lookedAt: null, latencyMs: null }
				}
		);
	}

	/** One look at a time for each; who asks meanwhile gets that one. */
	#look(check: ComponentCheck): Promise<void> {
		const running = this.#looking.get(check.name);
		if (running) return running;
		const look = this.#take(check).finally(() => this.#looking.delete(check.name));
		this.#looking.set(check.name, look);
		return look;
	}

	async #take({ name, title, look }: ComponentCheck): Promise<void> {
		const { now, nowMs, explain } = this.#options;
		const beganMs = nowMs();
		const seen = await inTime(look()).catch((cause: unknown): Look => ({
			state: 'fail',
			...explain(cause)
		}));
		const tookMs = Math.round((nowMs() - beganMs) * 10) / 10;
		const { state, found, advice, latencyMs = tookMs, lookedAtMs } = seen;
		const at = lookedAtMs === undefined ? now() : lookedAtMs === null ? null : new Date(lookedAtMs);
		this.#seen.set(name, {
			...{ name, title, state, found, advice, latencyMs },
			lookedAt: at?.toISOString() ?? null
		});
	}
}
