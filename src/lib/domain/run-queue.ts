/**
 * Which sessions may run when there are more of them than the machine shall carry. A session counts while
 * it starts and while a turn is open, also one that waits for a person: its agent is in the middle of
 * something. One that rests or sleeps does not: it holds memory, and a message to it goes on at once.
 * Whoever wants a sandbox waits in line for a place: a first start, a retry, a resume, a wake-up.
 */
import type { SessionStatus, StartStep } from '@agent-manager/protocol/session.ts';
import { isLive } from './session-machine.ts';
import type { SessionState } from './session-state.ts';

/** `waiting`: in line. `running`: counts against the limit. `none`: does neither. */
export type RunPhase = 'waiting' | 'running' | 'none';

const hasBegun = (steps: readonly StartStep[]): boolean =>
	steps.some(({ status }) => status !== 'pending');

const startPhase = ({ steps, desired }: SessionState): RunPhase => {
	// A start that has begun goes on, also when the app was killed in its middle.
	if (hasBegun(steps)) return 'running';
	return desired === 'live' ? 'waiting' : 'none';
};

export const runPhaseOf = (state: SessionState): RunPhase => {
	const { status, asleep, openTurn } = state;
	if (!isLive(status) || asleep) return 'none';
	if (status === 'starting') return startPhase(state);
	return status === ('waiting' satisfies SessionStatus) && openTurn === null ? 'none' : 'running';
};

export interface Runnable {
	id: string;
	phase: RunPhase;
	/** When its start was asked for, in milliseconds. */
	askedAtMs: number;
	/** It was let in and has not taken its first step yet. */
	admitted: boolean;
}

export interface RunPlan {
	/** Who may go in now, in order. */
	admit: string[];
	/** Those who stay in line, the first one first. */
	line: string[];
}

const byAsking = (a: Runnable, b: Runnable): number =>
	a.askedAtMs - b.askedAtMs || (a.id < b.id ? -1 : 1);

/** First come, first served. `max` 0: there is no limit. */
export const planRuns = (sessions: readonly Runnable[], max: number): RunPlan => {
	const isIn = ({ phase, admitted }: Runnable): boolean =>
		phase === 'running' || (phase === 'waiting' && admitted);
	const line = sessions
		.filter((session) => session.phase === 'waiting' && !session.admitted)
		.sort(byAsking)
		.map(({ id }) => id);
	const free = max === 0 ? line.length : Math.max(0, max - sessions.filter(isIn).length);
	return { admit: line.slice(0, free), line: line.slice(free) };
};

const BYTES_PER_SESSION = 768 * 1_048_576;
const SESSIONS_PER_CPU = 4;

/**
 * What a machine carries by its size: agents mostly wait for the model, so a processor serves a few of
 * them; each has an agent of some 400 MB and what that starts.
 */
export const defaultMaxRunning = (cpus: number, memoryBytes: number): number =>
	Math.max(2, Math.min(SESSIONS_PER_CPU * cpus, Math.floor(memoryBytes / BYTES_PER_SESSION)));
