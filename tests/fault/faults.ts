/** What can be done to the parts of a running app from outside, by signals alone. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestApp } from '../support/app.ts';
import { processesIn } from '../support/lifecycle.ts';
import { findDatabase } from './log-rows.ts';

const NODE_IN_SANDBOX = /^\/opt\/agent\/bin\/node /;

/** False when it is gone already. */
export const signal = (pid: number, name: NodeJS.Signals): boolean => {
	try {
		process.kill(pid, name);
		return true;
	} catch {
		return false;
	}
};

/** One that nobody has fetched its end from counts as gone. */
const isAlive = (pid: number): boolean => {
	try {
		return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
	} catch {
		return false;
	}
};

const childrenOf = (pid: number): number[] => {
	try {
		const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
		return text.split(' ').filter(Boolean).map(Number);
	} catch {
		return [];
	}
};

/** Stands still, all of it at once, until what is returned is called. */
const halt = (pids: readonly number[]): (() => void) => {
	const stopped = pids.filter((pid) => signal(pid, 'SIGSTOP'));
	return () => {
		for (const pid of stopped) signal(pid, 'SIGCONT');
	};
};

const freeze = async (pids: readonly number[], ms: number): Promise<void> => {
	const thaw = halt(pids);
	await delay(ms).finally(thaw);
};

/** The runner's own process; null when its sandbox is gone or has not come so far. */
export const runnerPid = (app: TestApp, sessionId: string): number | null => {
	try {
		return processesIn(app, sessionId, NODE_IN_SANDBOX)[0] ?? null;
	} catch {
		return null;
	}
};

export const freezeManager = (app: TestApp, ms: number): Promise<void> => freeze([app.pid], ms);

export const freezeRunner = async (app: TestApp, sessionId: string, ms: number): Promise<void> => {
	const pid = runnerPid(app, sessionId);
	if (pid !== null) await freeze([pid], ms);
};

/** Connections stay, and get no answer until what is returned is called. */
export const haltDatabase = async (app: TestApp): Promise<() => void> => {
	const database = await findDatabase(app);
	return halt(database ? [database.pid, ...childrenOf(database.pid)] : []);
};

export const freezeDatabase = async (app: TestApp, ms: number): Promise<void> => {
	const thaw = await haltDatabase(app);
	await delay(ms).finally(thaw);
};

/** Breaks the connection of a light runner at its door, in the middle of a frame. */
export const cutRunner = (app: TestApp, sessionId: string): boolean => {
	const pid = runnerPid(app, sessionId);
	return pid !== null && signal(pid, 'SIGUSR2');
};

/** Ends the database as `pg_ctl stop -m immediate` does: no checkpoint, recovery at the next start. */
export const crashDatabase = async (app: TestApp): Promise<boolean> => {
	const database = await findDatabase(app);
	if (!database || !signal(database.pid, 'SIGQUIT')) return false;
	while (isAlive(database.pid)) await delay(5);
	return true;
};
