/** What is behind each session's door: its runner, the model, the way out to allowed hosts. */
import type { ServerResponse } from 'node:http';
import { homedir } from 'node:os';
import type { Dispatcher } from 'undici';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { Guards } from './app-guards.ts';
import type { Config } from './config.ts';
import type { Database } from './db/client.ts';
import { insertModelCall } from './db/model-calls.ts';
import { findRepo } from './db/repos.ts';
import { isListedHost, parseRepoAddress } from './git/repo-address.ts';
import type { Logger } from './logger.ts';
import { createDemoModel } from './model/demo/demo-model.ts';
import { createModelHandler } from './model/model-handler.ts';
import { createUpstreamResolver, type UpstreamDescription } from './model/upstream.ts';
import { createDoor, type Door } from './runner/door/door.ts';
import { decideEgress, type EgressPolicy } from './runner/door/egress-policy.ts';
import type { Observer } from './app-health.ts';
import type { AppOrchestrator } from './app-orchestrator.ts';
import type { AttachmentService } from './sessions/attachment-service.ts';
import type { AppSessions } from './app-sessions.ts';
import { modelAnswered, modelRefused } from './sessions/model-limit.ts';

export interface AppDoorOptions {
	config: Config;
	db: Database;
	logger: Logger;
	guards: Guards;
	observer: Observer;
	/** Asked late: sessions are made with the door in hand. */
	sessions: () => AppSessions;
	orchestrator: () => AppOrchestrator;
}

/** Which model answers, with the words for a person. */
export type ModelDescription = UpstreamDescription & { label: string };

export interface AppDoor {
	door: Door;
	describeModel(): Promise<ModelDescription>;
}

const CREDENTIAL_LABELS: Record<NonNullable<UpstreamDescription['credential']>, string> = {
	'api-key': 'API key',
	'auth-token': 'auth token',
	'oauth-token': 'OAuth token',
	'claude-login': 'Claude login'
};

const describeModel = (model: UpstreamDescription): ModelDescription => {
	if (model.kind === 'demo') return { ...model, label: 'demo model' };
	const where = model.kind === 'anthropic' ? 'Anthropic' : (model.baseUrl ?? 'custom upstream');
	const credential = model.credential ? ` · ${CREDENTIAL_LABELS[model.credential]}` : '';
	return { ...model, label: `${where}${credential}` };
};

const sendAttachment = async (
	attachments: AttachmentService,
	id: string,
	res: ServerResponse,
	sessionId: string
): Promise<void> => {
	const found = await attachments.read({ kind: 'session', id: sessionId as SessionId }, id);
	if (!found.ok) return void res.writeHead(404).end();
	const { facts, body } = found.value;
	res.writeHead(200, { 'content-type': facts.mediaType, 'content-length': body.length }).end(body);
};

export const createAppDoor = (options: AppDoorOptions): AppDoor => {
	const { config, db, logger, guards, observer, sessions } = options;
	const upstream = createUpstreamResolver({
		setting: config.modelUpstream,
		env: process.env,
		homeDirectory: homedir(),
		demo: createDemoModel().handle,
		now: Date.now
	});
	let agent: Promise<Dispatcher> | null = null;
	const upstreamAgent = (): Promise<Dispatcher> => {
		agent ??= import('./model/upstream-agent.ts').then((it) => it.createUpstreamAgent(process.env));
		return agent;
	};
	/** Has what the first request needs loaded by then. */
	const prepareModel = async (): Promise<void> => {
		const resolved = await upstream.resolve();
		if (resolved.ok && resolved.value.kind !== 'demo') await upstreamAgent();
	};
	/** Never rejects. */
	const tellFailure = async (what: Promise<unknown>): Promise<void> => {
		await what.catch((cause: unknown) =>
			logger.warn({ err: cause }, 'a note from the door was lost')
		);
	};
	const model = createModelHandler({
		resolveUpstream: () => upstream.resolve(),
		dispatcher: upstreamAgent,
		logger,
		now: Date.now,
		onUsage: (sessionId, usage) => {
			observer.modelCall(usage);
			void tellFailure(insertModelCall(db, { sessionId, ...usage }));
			void tellFailure(modelAnswered(sessions().log, sessionId as SessionId));
		},
		onFailure: (sessionId, error) => {
			observer.modelFailed(error);
			void tellFailure(modelRefused(sessions().log, sessionId as SessionId, error));
		},
		onRateLimit: (sessionId, limit) =>
			logger.info({ sessionId, limit }, 'the model asked for patience')
	});
	const { allowGitHosts } = config;
	const policyOf = async (sessionId: SessionId): Promise<EgressPolicy> => {
		const cell = await sessions().log.find(sessionId);
		const repo = cell ? await findRepo(db, cell.repoId as RepoId) : null;
		const address = repo ? parseRepoAddress(repo.url, { allowGitHosts, home: homedir() }) : null;
		const host = address?.ok ? address.value.host : null;
		const port = address?.ok ? address.value.port : null;
		return {
			repoHost: host,
			repoHostMayBePrivate: host !== null && isListedHost(host, port, allowGitHosts),
			extraHosts: []
		};
	};
	const door = createDoor({
		logger,
		handlers: {
			runner: (ws, { sessionId, epoch }) => {
				sessions().manager.acceptRunner(ws, { sessionId: sessionId as SessionId, epoch });
				void tellFailure(prepareModel());
			},
			model,
			mcp: (req, res, { sessionId, epoch }) =>
				void options
					.orchestrator()
					.atDoor(req, res, { sessionId: sessionId as SessionId, epoch })
					.catch((cause: unknown) => {
						logger.warn({ err: cause, sessionId }, 'a request to the tools broke off');
						res.destroy();
					}),
			attachment: (id, res, { sessionId }) =>
				void tellFailure(
					sendAttachment(sessions().service.attachments, id, res, sessionId).catch((cause) => {
						res.destroy();
						throw cause;
					})
				),
			egress: async (sessionId, host, port) =>
				decideEgress(await policyOf(sessionId as SessionId), host, port),
			egressDenied: (sessionId, denial) =>
				tellFailure(
					sessions().log.record(sessionId as SessionId, () => [
						{ type: 'egress.denied', payload: denial }
					])
				)
		}
	});
	return {
		door: guards.door(door),
		describeModel: async () => describeModel(await upstream.describe())
	};
};
