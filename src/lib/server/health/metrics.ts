/** What `GET /metrics` counts, in Prometheus' words; `docs/operations.md` lists the names. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { cleanLine } from '#lib/domain/clean-text.ts';

/** What is asked at each scrape. */
export interface MetricSources {
	sessionsByStatus: () => Promise<ReadonlyMap<string, number>>;
	viewers: () => { session: number; list: number };
	queues: () => Promise<Record<'start' | 'commands' | 'intake', number>>;
	findings: () => ReadonlyMap<string, number>;
	ready: () => boolean;
}

export interface Metrics {
	readonly contentType: string;
	text(): Promise<string>;
	committed(bySource: ReadonlyMap<string, number>): void;
	ingested(lagMs: number): void;
	startStep(step: string, durationMs: number): void;
	startEnded(outcome: 'done' | 'failed'): void;
	modelCall(call: ModelCall): void;
	modelCost(model: string, costUsd: number): void;
	acted(action: string, outcome: 'done' | 'failed'): void;
	pinged(durationMs: number): void;
}

export interface ModelCall {
	model: string;
	inputTokens: number;
	outputTokens: number;
	cacheReadTokens: number;
	cacheWriteTokens: number;
	complete: boolean;
}

const STATUSES = ['starting', 'running', 'waiting', 'finished', 'error', 'stopped'];
const LAG_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const STEP_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 300, 1800];
const PING_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/** Names of models come from outside: no more of them than this become labels. */
const MODELS_MAX = 50;
const LABEL_MAX = 100;

const makeGauges = (registers: [Registry], sources: MetricSources): void => {
	new Gauge({
		...{ registers, name: 'agent_manager_sessions', labelNames: ['status'] },
		help: 'Sessions by status.',
		async collect() {
			const counts = await sources.sessionsByStatus().catch(() => null);
			this.reset();
			if (!counts) return;
			for (const status of STATUSES) this.set({ status }, counts.get(status) ?? 0);
		}
	});
	new Gauge({
		...{ registers, name: 'agent_manager_viewers', labelNames: ['kind'] },
		help: 'Subscriptions of browsers: to sessions, and to the list of them.',
		collect() {
			const { session, list } = sources.viewers();
			this.set({ kind: 'session' }, session);
			this.set({ kind: 'list' }, list);
		}
	});
	new Gauge({
		...{ registers, name: 'agent_manager_queue_length', labelNames: ['queue'] },
		help: 'What waits: starts for their turn, commands for a runner, records for the database.',
		async collect() {
			const queues = await sources.queues().catch(() => null);
			this.reset();
			if (!queues) return;
			for (const [queue, length] of Object.entries(queues)) this.set({ queue }, length);
		}
	});
	new Gauge({
		...{ registers, name: 'agent_manager_findings', labelNames: ['class'] },
		help: 'Differences that the last inventory found.',
		collect() {
			this.reset();
			for (const [is, count] of sources.findings()) this.set({ class: is }, count);
		}
	});
	new Gauge({
		...{ registers, name: 'agent_manager_ready', help: '1 while the app can take work.' },
		collect() {
			this.set(sources.ready() ? 1 : 0);
		}
	});
};

const makeCounters = (registers: [Registry]) => ({
	events: new Counter({
		...{ registers, name: 'agent_manager_events_total', labelNames: ['source'] },
		help: 'Events committed to the log, by who stated them.'
	}),
	lag: new Histogram({
		...{ registers, name: 'agent_manager_ingest_lag_seconds', buckets: LAG_BUCKETS },
		help: 'From the runner’s clock at an event to its commit.'
	}),
	steps: new Histogram({
		...{ registers, name: 'agent_manager_start_step_seconds', buckets: STEP_BUCKETS },
		...{ labelNames: ['step'], help: 'How long the steps of starts took; skipped ones left out.' }
	}),
	starts: new Counter({
		...{ registers, name: 'agent_manager_starts_total', labelNames: ['outcome'] },
		help: 'Starts that came to an agent, and that failed.'
	}),
	tokens: new Counter({
		...{ registers, name: 'agent_manager_model_tokens_total', labelNames: ['model', 'kind'] },
		help: 'Tokens as the model’s server stated them: input, output, cache_read, cache_write.'
	}),
	calls: new Counter({
		...{ registers, name: 'agent_manager_model_calls_total', labelNames: ['model', 'complete'] },
		help: 'Answers of the model; complete is false for one that was cut short.'
	}),
	cost: new Counter({
		...{ registers, name: 'agent_manager_model_cost_usd_total', labelNames: ['model'] },
		help: 'Cost as the agents stated it, in US dollars. The demo model costs nothing.'
	}),
	actions: new Counter({
		...{ registers, name: 'agent_manager_reconciler_actions_total' },
		...{ labelNames: ['action', 'outcome'], help: 'Steps of the reconciler and repairs.' }
	}),
	pings: new Histogram({
		...{ registers, name: 'agent_manager_database_ping_seconds', buckets: PING_BUCKETS },
		help: 'How long the database took to answer, asked every 5 s.'
	})
});

export const createMetrics = (sources: MetricSources): Metrics => {
	const registry = new Registry();
	const registers: [Registry] = [registry];
	collectDefaultMetrics({ register: registry });
	makeGauges(registers, sources);
	const counters = makeCounters(registers);
	const models = new Set<string>();
	const labelOf = (model: string): string => {
		const label = cleanLine(model, LABEL_MAX);
		if (models.size < MODELS_MAX) models.add(label);
		return models.has(label) ? label : 'other';
	};
	return {
		contentType: registry.contentType,
		text: () => registry.metrics(),
		committed: (bySource) => {
			for (const [source, count] of bySource) counters.events.inc({ source }, count);
		},
		ingested: (lagMs) => counters.lag.observe(lagMs / 1_000),
		startStep: (step, durationMs) => counters.steps.observe({ step }, durationMs / 1_000),
		startEnded: (outcome) => counters.starts.inc({ outcome }),
		modelCall: ({ complete, ...call }) => {
			const model = labelOf(call.model);
			counters.calls.inc({ model, complete: String(complete) });
			counters.tokens.inc({ model, kind: 'input' }, call.inputTokens);
			counters.tokens.inc({ model, kind: 'output' }, call.outputTokens);
			counters.tokens.inc({ model, kind: 'cache_read' }, call.cacheReadTokens);
			counters.tokens.inc({ model, kind: 'cache_write' }, call.cacheWriteTokens);
		},
		modelCost: (model, costUsd) => counters.cost.inc({ model: labelOf(model) }, costUsd),
		acted: (action, outcome) => counters.actions.inc({ action, outcome }),
		pinged: (durationMs) => counters.pings.observe(durationMs / 1_000)
	};
};
