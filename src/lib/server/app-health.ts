/** The app's health: what is counted while it works, what is looked at, and what is mended. */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import type { Config } from './config.ts';
import type { AppDoor } from './app-door.ts';
import { createInventoryKeeper } from './app-inventory.ts';
import type { AppRepos } from './app-repos.ts';
import type { AppSessions } from './app-sessions.ts';
import type { Database } from './db/client.ts';
import {
	countByStatus,
	countWaitingCommands,
	deleteOldCommands,
	listSessionOverviews,
	pingDatabase
} from './db/health-queries.ts';
import { sweepAttachments } from './db/attachments.ts';
import { listRepos } from './db/repos.ts';
import type { Git } from './git/exec.ts';
import { componentChecks, type ModelPulse } from './health/component-checks.ts';
import { ComponentWatch } from './health/component-watch.ts';
import { HealthService } from './health/health-service.ts';
import { DiskMeter } from './health/disk-use.ts';
import { RetentionKeeper } from './health/retention-keeper.ts';
import { LiveNumbers } from './health/live-numbers.ts';
import { createMetrics, type Metrics, type ModelCall } from './health/metrics.ts';
import type { Logger } from './logger.ts';
import type { Drivers } from './runner/driver-choice.ts';
import type { Hub } from './sessions/hub.ts';
import type { CommitNotice } from './sessions/session-log.ts';
import type { WorkspacePresence } from './access/workspace-presence.ts';

export interface HealthParts {
	drivers: Drivers;
	door: AppDoor;
	repos: AppRepos;
	sessions: AppSessions;
}

export interface AppHealthOptions {
	config: Config;
	db: Database;
	git: Git;
	hub: Hub;
	logger: Logger;
	instance: string;
	workspace: WorkspacePresence;
	/** Rejects unless it is certain that this manager leads. */
	confirmLease: () => Promise<void>;
	/** What an error that nobody expected means. */
	explain: (cause: unknown) => WireError;
	/** Asked late: they are made with this in hand, to be counted. */
	parts: () => HealthParts;
}

/** What the other parts tell while they work. Nothing of it throws. */
export interface Observer {
	committed(notice: CommitNotice): void;
	modelCall(call: ModelCall): void;
	modelFailed(error: WireError): void;
	acted(action: string, outcome: 'done' | 'failed'): void;
}

export interface AppHealth {
	service: HealthService;
	metrics: Metrics;
	observer: Observer;
}

/** How the cost of a turn is shared by the models that worked on it, as the agent states it. */
const costShares = (events: readonly SessionEvent[]): [model: string, share: number][] => {
	const result = events.findLast(
		({ source, type }) => source === 'claude' && type.startsWith('claude.result')
	);
	const usage = Object.entries((result?.payload.modelUsage ?? {}) as Record<string, unknown>);
	const costs = usage.map(([model, of]): [string, number] => {
		const cost = (of as { costUSD?: unknown } | null)?.costUSD;
		return [model, typeof cost === 'number' && cost > 0 ? cost : 0];
	});
	const sum = costs.reduce((total, [, cost]) => total + cost, 0);
	return sum === 0 ? [] : costs.map(([model, cost]) => [model, cost / sum]);
};

const observeCommit = (metrics: Metrics, numbers: LiveNumbers, notice: CommitNotice): void => {
	const { events, cell, before } = notice;
	const nowMs = Date.now();
	const bySource = new Map<string, number>();
	const lags: number[] = [];
	for (const { source, type, ts, payload } of events) {
		bySource.set(source, (bySource.get(source) ?? 0) + 1);
		if (source !== 'manager') {
			const lagMs = Math.max(0, nowMs - Date.parse(ts));
			lags.push(lagMs);
			metrics.ingested(lagMs);
		}
		const { step, durationMs, skipped } = payload;
		if (type === 'step.finished' && typeof durationMs === 'number' && skipped !== true) {
			metrics.startStep(String(step), durationMs);
			if (step === 'agent') metrics.startEnded('done');
		}
		if (type === 'step.failed') metrics.startEnded('failed');
	}
	metrics.committed(bySource);
	numbers.committed(events.length, lags);
	const costUsd = cell.state.usage.costUsd - before.usage.costUsd;
	if (costUsd <= 0) return;
	const shares = costShares(events);
	if (shares.length === 0) metrics.modelCost(cell.row.model ?? 'unknown', costUsd);
	for (const [model, share] of shares) metrics.modelCost(model, costUsd * share);
};

const kindsOf = ({ sandboxDriver }: Config): DriverKind[] =>
	sandboxDriver === 'auto' ? ['docker', 'bubblewrap'] : [sandboxDriver];

const asFinding = ({ code, message, hint }: WireError, cause: unknown) => {
	if (code !== 'internal') return { found: message, advice: hint ?? null };
	// What nobody expected says most in its own words.
	const found = cause instanceof Error ? cause.message : String(cause);
	return { found, advice: 'See the app’s log.' };
};

export const createAppHealth = (options: AppHealthOptions): AppHealth => {
	const { config, db, git, hub, parts } = options;
	const { workspaceRoot } = config;
	const model: ModelPulse = { answeredAtMs: null, failure: null };
	let pingMs: number | null = null;

	const ping = async (): Promise<void> => {
		const beganMs = performance.now();
		try {
			await pingDatabase(db);
			pingMs = performance.now() - beganMs;
			metrics.pinged(pingMs);
		} catch (cause) {
			pingMs = null;
			throw cause;
		}
	};
	const queues = async () => ({
		start: parts().sessions.startsWaiting(),
		commands: await countWaitingCommands(db),
		intake: parts().sessions.manager.pulse().intake
	});
	const metrics: Metrics = createMetrics({
		queues,
		sessionsByStatus: () => countByStatus(db),
		viewers: () => hub.count(),
		ready: () => service.ready,
		findings: () => {
			const counts = new Map<string, number>();
			for (const { class: is } of keeper.inventory.findings) {
				counts.set(is, (counts.get(is) ?? 0) + 1);
			}
			return counts;
		}
	});
	const numbers = new LiveNumbers({
		gauges: async () => {
			const { session, list } = hub.count();
			return {
				sessions: Object.fromEntries(await countByStatus(db)),
				viewers: session + list,
				queues: await queues(),
				databaseLatencyMs: pingMs,
				memoryBytes: process.memoryUsage.rss()
			};
		},
		now: () => new Date(),
		nowMs: () => performance.now()
	});
	const observer: Observer = {
		committed: (notice) => observeCommit(metrics, numbers, notice),
		acted: (action, outcome) => metrics.acted(action, outcome),
		modelCall: (call) => {
			model.answeredAtMs = Date.now();
			metrics.modelCall(call);
		},
		modelFailed: (error) => {
			model.failure = { error, atMs: Date.now() };
		}
	};
	const disk = new DiskMeter(workspaceRoot, Date.now);
	const keeper = createInventoryKeeper({ ...options, disk, acted: observer.acted });
	const retention = new RetentionKeeper({
		settings: {
			archiveAfterDays: config.archiveAfterDays,
			deleteAfterDays: config.deleteAfterDays
		},
		listSessions: () => listSessionOverviews(db),
		archive: (id) => parts().sessions.service.archiveOld(id as SessionId),
		purge: (id) => parts().sessions.service.plain(id as SessionId, 'purge'),
		bytesOf: ({ id }) => disk.bytesOf(id),
		deleteOldCommands: (days) => deleteOldCommands(db, days),
		sweepAttachments: (days) => sweepAttachments(db, days),
		acted: observer.acted,
		logger: options.logger,
		nowMs: Date.now
	});
	const watch = new ComponentWatch({
		checks: componentChecks(
			{
				...{ git, workspaceRoot, ping, workspaceProblem: () => options.workspace.problem() },
				model: () => parts().door.describeModel(),
				listRepos: () => listRepos(db),
				drivers: () => parts().drivers.status(),
				pulse: () => parts().sessions.manager.pulse(),
				ingestLagMs: () => numbers.numbers().ingestLagMs,
				modelPulse: () => model,
				github: () => parts().repos.githubLogin(),
				inventory: () => keeper.inventory,
				nowMs: Date.now
			},
			kindsOf(config)
		),
		explain: (cause) => asFinding(options.explain(cause), cause),
		now: () => new Date(),
		nowMs: () => performance.now()
	});
	const service: HealthService = new HealthService({ watch, numbers, keeper, retention });
	return { service, metrics, observer };
};
