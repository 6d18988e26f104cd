/** The app's database: embedded or external, led by one manager, migrated, and shut down in order. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { openDatabase, waitForDatabase, type Database } from './db/client.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './db/embedded-postgres.ts';
import { takeManagerLease, type Leader, type ManagerLease } from './db/manager-lease.ts';
import { migrateDatabase } from './db/migrate.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Logger } from './logger.ts';

export interface AppDatabase {
	db: Database;
	/** Called before each effect outside of the database; rejects unless we certainly lead. */
	confirmLease: ManagerLease['confirm'];
	/** Why the embedded server could not be brought back at the last try; null while there is no such trouble. */
	problem(): WireError | null;
	stop(): Promise<void>;
}

export interface AppDatabaseOptions {
	config: Config;
	logger: Logger;
	/** Id of our workspace. */
	instance: string;
	/** Where we are, for a manager that finds the database taken. */
	address: string;
	/** For the person at the terminal. */
	say: (text: string) => void;
	/** For who comes to the page meanwhile: what the start waits for, null once it goes on. */
	onWaiting: (what: string | null) => void;
	/** Another manager leads: we wait. */
	onStandby: (leader: Leader) => void;
	/** Another manager has taken over: nothing may be done any more. */
	onLost: () => void;
	/** Ends the wait. */
	signal: AbortSignal;
}

const startServer = async ({
	config,
	say,
	onWaiting,
	signal
}: AppDatabaseOptions): Promise<
	Result<{ url: string; embedded: EmbeddedPostgres | null }, WireError>
> => {
	if (config.databaseUrl !== null) {
		const waited = await waitForDatabase({
			url: config.databaseUrl,
			signal,
			onWaiting: ({ message }) => {
				say(`Waiting for the database: ${message}`);
				onWaiting('it waits for the database');
			}
		});
		onWaiting(null);
		return waited.ok ? ok({ url: config.databaseUrl, embedded: null }) : waited;
	}
	const started = await startEmbeddedPostgres({
		folder: join(config.workspaceRoot, 'postgres'),
		onStatus: say
	});
	return started.ok ? ok({ url: started.value.url, embedded: started.value }) : started;
};

const LOOK_MS = 2_000;
const AGAIN_MS = 500;

const isAlive = (pid: number): boolean => {
	try {
		return process.kill(pid, 0);
	} catch (cause) {
		return (cause as NodeJS.ErrnoException).code === 'EPERM';
	}
};

/** Brings the embedded server back whenever it is gone, however often that takes. */
const keepRunning = (embedded: EmbeddedPostgres, logger: Logger) => {
	let stopped = false;
	let trying = false;
	let problem: WireError | null = null;
	const note = (found: WireError | null): boolean => {
		if (found && found.message !== problem?.message) {
			logger.error({ error: found }, 'the embedded database can not be started again');
		}
		problem = found;
		return found === null;
	};
	const revive = (): void => {
		if (stopped || trying) return;
		trying = true;
		const started = embedded.ensureRunning().then(
			(result) => note(result.ok ? null : result.error),
			() => false
		);
		void started.then((isUp) => {
			trying = false;
			if (!isUp) setTimeout(revive, AGAIN_MS).unref();
		});
	};
	const look = (): void => {
		if (!isAlive(embedded.pid)) return revive();
		if (existsSync(embedded.dataFolder)) return;
		// It would go on for a minute, and take what nobody will ever read again.
		logger.error({ folder: embedded.dataFolder }, 'the folder of the embedded database is gone');
		process.kill(embedded.pid, 'SIGQUIT');
	};
	const timer = setInterval(look, LOOK_MS);
	timer.unref();
	return {
		revive,
		problem: () => problem,
		stop: (): void => {
			stopped = true;
			clearInterval(timer);
		}
	};
};

export const startDatabase = async (
	options: AppDatabaseOptions
): Promise<Result<AppDatabase, WireError>> => {
	const { logger, instance, address, onStandby, onLost, signal } = options;
	const server = await startServer(options);
	if (!server.ok) return server;
	const { url, embedded } = server.value;
	const keeper = embedded && keepRunning(embedded, logger);
	const stopServer = async (): Promise<void> => {
		keeper?.stop();
		await embedded?.stop({ unlessInUse: true });
	};
	const taken = await takeManagerLease({
		...{ url, instance, address, onStandby, onLost, signal },
		holder: `pid ${process.pid} at ${address}`,
		onAway: () => keeper?.revive()
	});
	if (!taken.ok) {
		await stopServer();
		return taken;
	}
	const lease = taken.value;
	const migrated = await migrateDatabase({ url, fence: lease });
	if (!migrated.ok) {
		await lease.release();
		await stopServer();
		return fail(migrated.error);
	}
	let stopping = false;
	const { db, close } = openDatabase({
		url,
		fence: lease,
		onConnectionError: (error) => {
			if (stopping) return;
			logger.warn({ err: error }, 'a database connection broke');
			keeper?.revive();
		}
	});
	return ok({
		db,
		confirmLease: () => lease.confirm(),
		problem: () => keeper?.problem() ?? null,
		async stop() {
			stopping = true;
			await close();
			await lease.release();
			await stopServer();
		}
	});
};
