/**
 * The composition root: reads the configuration, starts the database, makes every part and ties them
 * together, and takes them apart again. Imported by `hooks.server.ts` and entries only.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cookies } from '@sveltejs/kit';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { createCredentials, loadSecret, type Credentials } from './access/credentials.ts';
import { readInstance } from './access/instance.ts';
import { originPolicy, type OriginPolicy } from './access/origin-policy.ts';
import { startDatabase } from './app-database.ts';
import type { ModelDescription } from './app-door.ts';
import { explainFailure } from './app-failure.ts';
import type { AppHealth } from './app-health.ts';
import { createDemo, type StartDemo } from './app-demo.ts';
import type { AppOrchestrator } from './app-orchestrator.ts';
import type { AppRepos } from './app-repos.ts';
import { notLeader, type Standby } from './app-standby.ts';
import type { Config } from './config.ts';
import { formatConfigProblems, loadProcessConfig } from './config-process.ts';
import { SavedPrompts } from './db/saved-prompts.ts';
import { throughOutages, type OutageOptions } from './db/outage.ts';
import { createLogger, type Logger } from './logger.ts';
import { readAppVersion } from './project-root.ts';
import type { DriverStatus, ImageBuild } from './runner/driver-choice.ts';
import type { SessionService } from './sessions/session-service.ts';
import { Traffic } from './api/traffic.ts';
import { handleUpgrade, setWebSocketEdge } from './websocket/attach.ts';

/** What the app is and stands on, for the pages. */
export interface About {
	version: string;
	model: ModelDescription;
	drivers: DriverStatus[];
	imageBuild: ImageBuild | null;
	workspaceRoot: string;
}

export interface App {
	config: Config;
	logger: Logger;
	/** null: no sign-in, on loopback only. */
	credentials: Credentials | null;
	originPolicy: () => OriginPolicy;
	signIn: (cookies: Cookies) => void;
	sessions: SessionService;
	savedPrompts: SavedPrompts;
	repos: AppRepos['service'];
	githubRepositories: AppRepos['listGithub'];
	pulls: AppRepos['pulls'];
	health: AppHealth['service'];
	metrics: AppHealth['metrics'];
	/** The tools of orchestrators, for a program with the person's token. */
	mcp: AppOrchestrator['atApp'];
	about: () => Promise<About>;
	startDemo: StartDemo;
	/** What an error that nobody expected means for who asked. */
	explain: (cause: unknown) => WireError;
	/** Requests on their way. */
	traffic: Traffic;
	stop: () => Promise<void>;
}

interface Listening {
	host: string;
	port: number;
	origin: string;
}

/** Shared with the server's entry, which is another bundle; kept over hot reloads in development. */
const shared = globalThis as unknown as Record<symbol, unknown>;
const APP = Symbol.for('agent-manager.app');
const LISTENING = Symbol.for('agent-manager.listening');
const WAITING = Symbol.for('agent-manager.waiting');
const UPGRADE = Symbol.for('agent-manager.upgrade');
const SHUTDOWN = Symbol.for('agent-manager.shutdown');
const STANDBY = Symbol.for('agent-manager.standby');
/** Of a manager that has lost its lease; services start it again, then as the one that waits. */
const LOST_EXIT_CODE = 75;

/** A start that can't go on: shown without a stack, with what to do about it. */
class StartError extends Error {
	readonly hint: string | undefined;

	constructor({ message, hint }: Pick<WireError, 'message' | 'hint'>) {
		super(message);
		this.hint = hint;
	}
}

const orStop = <T>(result: Result<T, WireError>): T => {
	if (result.ok) return result.value;
	throw new StartError(result.error);
};

const say = (text: string): void => {
	process.stdout.write(`${text}\n`);
};

const COOKIE_SECONDS = 400 * 24 * 60 * 60;

const signInWith =
	(credentials: Credentials | null) =>
	(cookies: Cookies): void => {
		if (!credentials) return;
		cookies.set(credentials.cookieName, credentials.cookieValue, {
			path: '/',
			httpOnly: true,
			sameSite: 'strict',
			// Plain http on loopback is a secure context to browsers, but not to the cookie's flag.
			secure: false,
			maxAge: COOKIE_SECONDS
		});
	};

const readListening = (config: Config): Listening => {
	const known = shared[LISTENING] as Listening | undefined;
	const { host, port } = config;
	return known ?? { host, port, origin: `http://${host}:${port}` };
};

const announce = (config: Config, token: string | null, { origin }: Listening): void => {
	const link = token === null ? origin : `${origin}/sign-in?token=${token}`;
	say(`\n  Agent Manager is ready:  ${link}\n`);
	if (token === null) {
		say('  AUTH=none: everybody on this machine can use it without signing in.\n');
	}
	if (config.modelUpstream === 'demo') say('  The demo model answers (MODEL_UPSTREAM=demo).\n');
};

const loadConfig = (): Config => {
	const loaded = loadProcessConfig();
	if (loaded.ok) return loaded.value;
	throw new StartError({
		message: formatConfigProblems(loaded.error),
		hint: 'Correct it and start again; `.env.example` lists every setting.'
	});
};

interface StartOptions {
	onStandby: (standby: Standby) => void;
	signal: AbortSignal;
}

const start = async ({ onStandby, signal }: StartOptions): Promise<App> => {
	const config = loadConfig();
	const logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY });
	const listening = readListening(config);
	const policy = originPolicy(listening.host, listening.port, config.allowedOrigins);
	const instance = await readInstance(config.workspaceRoot);
	const loadingParts = import('./app-parts.ts');
	let endEffects = (): void => undefined;
	const database = orStop(
		await startDatabase({
			...{ config, logger, say, instance, signal },
			address: listening.origin,
			onWaiting: (what) => (shared[WAITING] = what),
			onStandby: (leader) => {
				const refusal = notLeader(leader, listening.origin);
				say(`\n  ${refusal.message}\n  ${refusal.hint}\n`);
				setWebSocketEdge({ refusal });
				onStandby({ originPolicy: () => policy, refusal });
			},
			onLost: () => {
				// At once and without order, as after `kill -9`: what is ours no more is not touched.
				logger.fatal('another manager has taken over this database: ending');
				endEffects();
				process.exit(LOST_EXIT_CODE);
			}
		})
	);
	const token = config.auth === 'none' ? null : await loadSecret(config.workspaceRoot, 'token');
	const { createParts, stopParts } = await loadingParts;
	const { hub, parts } = await createParts(config, logger, database, { instance, token });
	const { sessions, repos, drivers, door, health, git, orchestrator } = parts;
	endEffects = () => git.endAll();
	const credentials = token === null ? null : createCredentials(token, instance);
	const outage: OutageOptions = {
		onWaiting: (message) => say(`Waiting for the database: ${message}`),
		pause
	};
	await throughOutages(() => repos.service.recover(), outage);
	await throughOutages(() => sessions.manager.boot(), outage);
	await throughOutages(() => orchestrator.start(), outage);
	health.service.start();
	repos.pulls.start();
	const traffic = new Traffic();
	const explain = (cause: unknown): WireError => explainFailure(cause, database.problem());
	setWebSocketEdge({
		policy,
		credentials,
		services: {
			hub,
			logger,
			sessions: sessions.service,
			repos: repos.service,
			log: sessions.log,
			partials: (sessionId) => sessions.manager.partials(sessionId),
			now: () => new Date(),
			explain
		}
	});
	const version = readAppVersion();
	announce(config, token, listening);
	// Finds the driver before the first session needs it, and begins to build an image that is missing.
	void drivers.choose(null);
	return {
		config,
		logger,
		credentials,
		originPolicy: () => policy,
		signIn: signInWith(credentials),
		savedPrompts: new SavedPrompts(database.db, () => new Date()),
		sessions: sessions.service,
		repos: repos.service,
		githubRepositories: repos.listGithub,
		pulls: repos.pulls,
		health: health.service,
		metrics: health.metrics,
		mcp: orchestrator.atApp,
		about: async () => ({
			version,
			model: await door.describeModel(),
			drivers: await drivers.status(),
			imageBuild: drivers.imageBuild(),
			workspaceRoot: config.workspaceRoot
		}),
		startDemo: createDemo({
			...{ workspaceRoot: config.workspaceRoot, git },
			...{ repos: repos.service, sessions: sessions.service },
			modelKind: async () => (await door.describeModel()).kind
		}),
		explain,
		traffic,
		stop: () => stopParts(parts, traffic, logger)
	};
};

interface Starting {
	app: Promise<App>;
	/** Resolves when it turns out that another manager leads. */
	standby: Promise<void>;
	/** Ends the app, or the wait to become it. */
	stop: () => Promise<void>;
}

const begin = (): Starting => {
	const abort = new AbortController();
	let isWaiting = false;
	let app!: Promise<App>;
	const standby = new Promise<void>((resolve) => {
		const onStandby = (found: Standby): void => {
			isWaiting = true;
			shared[STANDBY] = found;
			resolve();
		};
		app = start({ onStandby, signal: abort.signal });
	});
	app.then(
		(started) => {
			running = started;
			shared[STANDBY] = undefined;
		},
		(cause: unknown) => {
			// Nobody awaits a start that goes on after the pages are served.
			if (!isWaiting || abort.signal.aborted) return;
			const { message, hint } = cause as Partial<StartError>;
			process.stderr.write(`\nAgent Manager could not take over.\n${message}\n${hint ?? ''}\n`);
			process.exit(1);
		}
	);
	const stop = async (): Promise<void> => {
		abort.abort();
		const started = await app.catch(() => null);
		await started?.stop();
	};
	return { app, standby, stop };
};

/**
 * Starts the app once for this process, or begins to wait for the manager that leads; a hot reload in
 * development finds the one that runs.
 */
export const startApp = async (): Promise<void> => {
	shared[APP] ??= begin();
	const starting = shared[APP] as Starting;
	shared[UPGRADE] = handleUpgrade;
	const app = await Promise.race([starting.app, starting.standby]);
	shared[SHUTDOWN] = starting.stop;
	if (app) running = app;
};

let running: App | null = null;

/** null: this manager leads. */
export const getStandby = (): Standby | null => (shared[STANDBY] as Standby | undefined) ?? null;

/** The app that `startApp` started. */
export const getApp = (): App => {
	if (!running) throw new Error('the app has not been started');
	return running;
};
