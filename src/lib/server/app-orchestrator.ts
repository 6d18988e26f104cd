/** What orchestrators have: their tools at doors and at the app's own `/mcp`, and who watches their waits. */
import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { AppSessions } from './app-sessions.ts';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import { createMcpDoor } from './orchestrator/mcp-door.ts';
import { createMcpEndpoint } from './orchestrator/mcp-endpoint.ts';
import type { Caller, ToolContext } from './orchestrator/tool.ts';
import { WaitWatch } from './orchestrator/wait-watch.ts';
import type { RepoService } from './repos/repo-service.ts';
import type { Hub } from './sessions/hub.ts';

export interface AppOrchestratorOptions {
	config: Config;
	hub: Hub;
	logger: Logger;
	sessions: AppSessions;
	repos: Pick<RepoService, 'list'>;
	version: string;
	explain: (cause: unknown) => WireError;
}

export interface AppOrchestrator {
	/** A request that came through a session's door. */
	atDoor: ReturnType<typeof createMcpDoor>;
	/** A request with the person's token. */
	atApp: (request: Request) => Promise<Response>;
	start: () => Promise<void>;
	stop: () => Promise<void>;
}

export const createAppOrchestrator = (options: AppOrchestratorOptions): AppOrchestrator => {
	const { config, hub, logger, repos, sessions, version, explain } = options;
	const now = (): Date => new Date();
	const starting = pLimit(1);
	const contextFor = (caller: Caller): ToolContext => ({
		caller,
		sessions: sessions.service,
		repos: () => repos.list(),
		caps: { sessions: config.orchestratorMaxSessions, running: config.orchestratorMaxRunning },
		inTurn: (work) => starting(work),
		now,
		newId: randomUUID
	});
	const endpoint = createMcpEndpoint({ version, logger, explain });
	const waits = new WaitWatch({ hub, sessions: sessions.service, logger, now });
	return {
		atDoor: createMcpDoor({ log: sessions.log, endpoint, contextFor }),
		atApp: (request) => endpoint(request, contextFor({ kind: 'person' })),
		start: () => waits.start(),
		stop: () => waits.stop()
	};
};
