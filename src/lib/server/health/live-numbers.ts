/** What is counted while it happens, and its last ten minutes for the small charts. */
import type { HealthNumbers, HealthSample } from '@agent-manager/protocol/health.ts';

/** Read anew at each sample. */
export interface Gauges {
	sessions: Record<string, number>;
	viewers: number;
	queues: HealthNumbers['queues'];
	databaseLatencyMs: number | null;
	memoryBytes: number;
}

export interface LiveNumbersOptions {
	gauges: () => Promise<Gauges>;
	now: () => Date;
	/** Monotonic. */
	nowMs: () => number;
}

export const SAMPLE_MS = 5_000;
const SAMPLES_MAX = 120;
/** Lags of the last minute are kept, at most so many of them. */
const LAG_WINDOW_MS = 60_000;
const LAGS_MAX = 5_000;

const NOTHING: Gauges = {
	sessions: {},
	viewers: 0,
	queues: { start: 0, commands: 0, intake: 0 },
	databaseLatencyMs: null,
	memoryBytes: 0
};

const LIVE = ['starting', 'running', 'waiting'];

export class LiveNumbers {
	readonly #options: LiveNumbersOptions;
	readonly #samples: HealthSample[] = [];
	#lags: { atMs: number; lagMs: number }[] = [];
	#events = 0;
	#sampledMs: number;
	#newest: Gauges = NOTHING;
	#eventsPerSecond = 0;
	#reading: Promise<unknown> | null = null;

	constructor(options: LiveNumbersOptions) {
		this.#options = options;
		this.#sampledMs = options.nowMs();
	}

	/** Events were committed; `lagsMs` of those that came from a runner. */
	committed(events: number, lagsMs: readonly number[]): void {
		const atMs = this.#options.nowMs();
		this.#events += events;
		for (const lagMs of lagsMs) this.#lags.push({ atMs, lagMs });
		if (this.#lags.length > LAGS_MAX) this.#lags = this.#lags.slice(-LAGS_MAX / 2);
	}

	/** Takes one sample; to be called every `SAMPLE_MS`. Never throws. */
	async sample(): Promise<void> {
		await this.#readGauges();
		const nowMs = this.#options.nowMs();
		const seconds = Math.max(0.001, (nowMs - this.#sampledMs) / 1_000);
		this.#eventsPerSecond = Math.round((this.#events / seconds) * 10) / 10;
		this.#events = 0;
		this.#sampledMs = nowMs;
		this.#lags = this.#lags.filter(({ atMs }) => nowMs - atMs <= LAG_WINDOW_MS);
		const { sessions, viewers, queues, databaseLatencyMs, memoryBytes } = this.#newest;
		this.#samples.push({
			at: this.#options.now().toISOString(),
			eventsPerSecond: this.#eventsPerSecond,
			ingestLagMs: this.#slowestTwentieth(nowMs - SAMPLE_MS),
			...{ viewers, databaseLatencyMs, memoryBytes },
			queued: queues.start + queues.commands + queues.intake,
			liveSessions: LIVE.reduce((sum, status) => sum + (sessions[status] ?? 0), 0)
		});
		if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
	}

	/** A database that hangs is not asked again before it has answered: then what was known is shown. */
	async #readGauges(): Promise<void> {
		const unknown = (): Gauges => ({ ...this.#newest, databaseLatencyMs: null });
		if (this.#reading) {
			this.#newest = unknown();
			return;
		}
		const reading = this.#options.gauges().then(
			(gauges) => (this.#newest = gauges),
			() => (this.#newest = unknown())
		);
		this.#reading = reading.finally(() => (this.#reading = null));
		let timer: NodeJS.Timeout | undefined;
		const late = new Promise((resolve) => (timer = setTimeout(resolve, SAMPLE_MS / 2)));
		await Promise.race([reading, late]);
		clearTimeout(timer);
	}

	samples(): HealthSample[] {
		return [...this.#samples];
	}

	numbers(): HealthNumbers {
		return {
			...this.#newest,
			eventsPerSecond: this.#eventsPerSecond,
			ingestLagMs: this.#slowestTwentieth(0)
		};
	}

	/** The 95th percentile of the lags since then; null when nothing came. */
	#slowestTwentieth(sinceMs: number): number | null {
		const lags = this.#lags.filter(({ atMs }) => atMs >= sinceMs).map(({ lagMs }) => lagMs);
		if (lags.length === 0) return null;
		lags.sort((a, b) => a - b);
		return lags[Math.min(lags.length - 1, Math.floor(lags.length * 0.95))] ?? null;
	}
}
