/**
 * The line of sessions that wait for a place to run, as one manager has it in memory. Everything in it
 * comes from the rows (what was asked for when, and whether a start has begun), so a manager that is
 * started again has the same line in the same order.
 */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { planRuns, runPhaseOf, type Runnable } from '#lib/domain/run-queue.ts';
import type { SessionState } from '#lib/domain/session-state.ts';

export interface RunQueueOptions {
	/** 0: as many as there are. */
	maxRunning: number;
	/** It may start now. */
	onAdmitted: (sessionId: SessionId) => void;
	/** Its position is another one. */
	onMoved: (sessionId: SessionId) => void;
}

export class RunQueue {
	readonly #options: RunQueueOptions;
	readonly #sessions = new Map<SessionId, Runnable>();
	#positions = new Map<SessionId, number>();

	constructor(options: RunQueueOptions) {
		this.#options = options;
	}

	/** 1 for the next one; null when it is not in line. */
	position(sessionId: SessionId): number | null {
		return this.#positions.get(sessionId) ?? null;
	}

	/** How many are in line. */
	get length(): number {
		return this.#positions.size;
	}

	/** Whether a start may begin, or go on. */
	mayStart(sessionId: SessionId): boolean {
		const session = this.#sessions.get(sessionId);
		return session !== undefined && (session.admitted || session.phase === 'running');
	}

	/** The session is like this now. */
	see(sessionId: SessionId, state: SessionState): void {
		if (this.#note(sessionId, state)) this.#plan();
	}

	/** All that there are, after a start of the app: nobody goes in before all are in line. */
	seeAll(sessions: readonly { id: SessionId; state: SessionState }[]): void {
		for (const { id, state } of sessions) this.#note(id, state);
		this.#plan();
	}

	/** True when it is another than before. */
	#note(sessionId: SessionId, state: SessionState): boolean {
		const phase = runPhaseOf(state);
		const known = this.#sessions.get(sessionId);
		if (phase === 'none' && !known) return false;
		const askedAtMs = Date.parse(state.startAskedAt ?? '') || 0;
		const isSame = known?.phase === phase && known.askedAtMs === askedAtMs;
		if (isSame) return false;
		if (phase === 'none') this.#sessions.delete(sessionId);
		else this.#sessions.set(sessionId, { id: sessionId, phase, askedAtMs, admitted: false });
		return true;
	}

	/** The session is no more. */
	forget(sessionId: SessionId): void {
		if (this.#sessions.delete(sessionId)) this.#plan();
	}

	#plan(): void {
		const { maxRunning, onAdmitted, onMoved } = this.#options;
		const { admit, line } = planRuns([...this.#sessions.values()], maxRunning);
		for (const id of admit as SessionId[]) {
			const session = this.#sessions.get(id);
			if (session) this.#sessions.set(id, { ...session, admitted: true });
		}
		const before = this.#positions;
		this.#positions = new Map(line.map((id, index) => [id as SessionId, index + 1]));
		for (const id of new Set([...before.keys(), ...this.#positions.keys()])) {
			if (before.get(id) !== this.#positions.get(id)) onMoved(id);
		}
		for (const id of admit as SessionId[]) onAdmitted(id);
	}
}
