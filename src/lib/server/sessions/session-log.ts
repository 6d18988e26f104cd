/**
 * The sessions in memory and the one way to change them: fold, write, then tell. Writes of one
 * session happen one after the other; what is in memory is never ahead of what is committed.
 */
import type { CommandId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { OutboxRecord, RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Decision, ManagerEvent } from '#lib/domain/session-decisions.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import { areMarks } from '#lib/domain/session-marks.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { Database } from '#lib/server/db/client.ts';
import { appendEvents, readForward, type CommandReceipt } from '#lib/server/db/event-log.ts';
import { findReceipt, findSession, type SessionRow } from '#lib/server/db/sessions.ts';
import { violatedConstraint } from '#lib/server/db/connection-errors.ts';
import { storableTime, storableType } from '#lib/server/db/storable-json.ts';
import {
	prepareEvents,
	type DraftedEvent,
	type EventDraft,
	type PreparedEvents
} from './event-draft.ts';
import { EventTail, type TailEntry } from './event-tail.ts';
import type { Hub } from './hub.ts';
import { toCell, toSession, type SessionCell } from './session-view.ts';

/** A command as a client sent it: the same key with the same body has one effect. */
export interface CommandRequest {
	id: CommandId;
	requestHash: string;
}

export interface CommitNotice {
	cell: SessionCell;
	before: SessionState;
	events: readonly SessionEvent[];
	/** Numbered from `before`'s command position on. */
	runnerCommands: readonly { num: number; command: RunnerCommand }[];
}

interface Entry {
	cell: SessionCell;
	tail: EventTail;
	/** Settles when the last write that was asked for has. */
	queue: Promise<unknown>;
	/** Writes that were asked for and have not settled. */
	writes: number;
}

export interface SessionLogOptions {
	db: Database;
	hub: Hub;
	now: () => Date;
	/** Place in the line of those who wait to be started. */
	queuePosition: (sessionId: SessionId) => number | null;
	/** Called after each commit, in order within a session. Must not throw. */
	onCommit: (notice: CommitNotice) => void;
}

/** A record of the outbox, its payload made storable already or not. */
export type ReceivedRecord = OutboxRecord & Pick<DraftedEvent, 'stored'>;

/** The newest committed number, or the one that is missing. */
export type IngestResult = { ackedN: number } | { expectedN: number } | { fenced: true };

/** Sessions kept in memory beyond those that are live, looked at or being written. */
const AT_REST_MAX = 200;

export class SessionLog {
	readonly #options: SessionLogOptions;
	readonly #entries = new Map<SessionId, Promise<Entry | null>>();
	readonly #heads = new Map<SessionId, number>();

	constructor(options: SessionLogOptions) {
		this.#options = options;
	}

	/** The session as last committed; null when there is none. */
	async find(sessionId: SessionId): Promise<SessionCell | null> {
		return (await this.#entry(sessionId))?.cell ?? null;
	}

	/** Takes a row that was just inserted, unless the session is in memory already. */
	adopt(row: SessionRow): SessionCell {
		const id = row.id as SessionId;
		if (this.#entries.has(id)) return toCell(row);
		const entry = this.#toEntry(row);
		this.#entries.set(id, Promise.resolve(entry));
		return entry.cell;
	}

	/** The session as pages and the API show it. */
	show(cell: SessionCell): Session {
		return toSession(cell, this.#options.queuePosition(cell.id));
	}

	/** Tells viewers the row again: something of it that is not in the log has changed. */
	async republish(sessionId: SessionId): Promise<void> {
		const entry = await this.#entry(sessionId);
		if (entry) this.#publish(entry.cell);
	}

	forget(sessionId: SessionId): void {
		this.#entries.delete(sessionId);
		this.#heads.delete(sessionId);
	}

	/** The newest seq that was committed while the session is in memory; 0 if it is not. */
	head(sessionId: SessionId): number {
		return this.#heads.get(sessionId) ?? 0;
	}

	/** Facts of the manager. `draft` sees the state they are about, and may say that there is none. */
	record(
		sessionId: SessionId,
		draft: (state: SessionState) => readonly ManagerEvent[]
	): Promise<SessionCell | null> {
		return this.carryOut(sessionId, (state) => ({ events: draft(state), runnerCommands: [] }));
	}

	/** What the manager decides by itself: facts, and what the runner is told with them. */
	async carryOut(
		sessionId: SessionId,
		decide: (state: SessionState) => Readonly<Pick<EventDraft, 'runnerCommands'>> & {
			events: readonly ManagerEvent[];
		}
	): Promise<SessionCell | null> {
		const entry = await this.#entry(sessionId);
		if (!entry) return null;
		const draft = ({ state }: SessionCell): EventDraft => {
			const { events, runnerCommands } = decide(state);
			return { events: this.#stamp(events), runnerCommands };
		};
		return this.#inOrder(entry, () => this.#write(entry, draft, null));
	}

	/**
	 * Decides a command and writes what follows from it, with its receipt, at once. Whether it was
	 * taken before shows when the receipt is written: a question beforehand would make each one wait.
	 */
	async command(
		sessionId: SessionId,
		decide: (state: SessionState) => Result<Decision, WireError>,
		request: CommandRequest
	): Promise<Result<JsonObject, WireError>> {
		const entry = await this.#entry(sessionId);
		if (!entry) return fail(wireError('session_not_found', 'There is no session with this id.'));
		return this.#inOrder(entry, async () => {
			let refusal: WireError | null = null;
			let answer: JsonObject = {};
			const receipt = (cell: SessionCell): CommandReceipt => {
				answer = { commandId: request.id, session: this.show(cell) };
				return { ...request, answer };
			};
			try {
				await this.#write(
					entry,
					({ state }) => {
						const decision = decide(state);
						if (!decision.ok) {
							refusal = decision.error;
							return null;
						}
						const { events, ...rest } = decision.value;
						return { events: this.#stamp(events), ...rest };
					},
					receipt
				);
			} catch (cause) {
				if (violatedConstraint(cause) !== 'commands_pkey') throw cause;
				return (
					(await this.#knownAnswer(request)) ?? fail(wireError('internal', 'The receipt is gone.'))
				);
			}
			if (refusal) return (await this.#knownAnswer(request)) ?? fail(refusal);
			return ok(answer);
		});
	}

	/**
	 * Takes records of the session's runner of this epoch. Known ones are dropped. Answers the newest
	 * committed number, or the one that is missing.
	 */
	async ingest(
		sessionId: SessionId,
		epoch: number,
		records: readonly ReceivedRecord[]
	): Promise<IngestResult> {
		const entry = await this.#entry(sessionId);
		if (!entry) return { fenced: true };
		return this.#inOrder(entry, async () => {
			let outcome: { expectedN: number } | { fenced: true } | null = null;
			await this.#write(
				entry,
				({ position }) => {
					const fresh = records.filter(({ n }) => n > position.lastN);
					const expectedN = position.lastN + 1;
					const whole = fresh.every(({ n }, index) => n === expectedN + index);
					outcome = position.epoch !== epoch ? { fenced: true } : whole ? null : { expectedN };
					if (outcome) return null;
					return {
						events: fresh.map(({ ts, source, type, payload, stored }) => ({
							ts: storableTime(ts, this.#options.now()),
							source,
							type: storableType(type),
							payload,
							stored
						})),
						numbers: fresh.map(({ n }) => n)
					};
				},
				null
			);
			return outcome ?? { ackedN: entry.cell.position.lastN };
		});
	}

	/** What is true only now: the runner's outbox is full, or is not any more. */
	async setHeldUp(sessionId: SessionId, heldUp: boolean): Promise<void> {
		const entry = await this.#entry(sessionId);
		if (!entry || entry.cell.heldUp === heldUp) return;
		entry.cell.heldUp = heldUp;
		this.#publish(entry.cell);
	}

	/** Why the end that is asked for can't be made just now; null when the last try did not fail. */
	async setEndingProblem(sessionId: SessionId, problem: WireError | null): Promise<void> {
		const entry = await this.#entry(sessionId);
		if (!entry || entry.cell.endingProblem?.message === problem?.message) return;
		entry.cell.endingProblem = problem;
		this.#publish(entry.cell);
	}

	/** Resolves when every write that was asked for by now has ended, well or not. */
	async settled(): Promise<void> {
		const entries = await Promise.all(
			[...this.#entries.values()].map((entry) => entry.catch(() => null))
		);
		for (const entry of entries) await entry?.queue;
	}

	/**
	 * Events after `after` as JSON texts with their seq, in order, at most `limit`. None beyond the head:
	 * the database has them a moment before their writer knows.
	 */
	async readAfter(sessionId: SessionId, after: number, limit: number): Promise<TailEntry[]> {
		const entry = await this.#entry(sessionId);
		const due = entry ? entry.cell.position.lastSeq - after : 0;
		if (!entry || due <= 0) return [];
		const fromTail = entry.tail.readAfter(after, limit);
		if (fromTail) return fromTail;
		const events = await readForward(this.#options.db, sessionId, after, Math.min(limit, due));
		return events.map((event) => ({ seq: event.seq, json: JSON.stringify(event) }));
	}

	#stamp(events: readonly ManagerEvent[]): Omit<SessionEvent, 'seq'>[] {
		const ts = this.#options.now().toISOString();
		return events.map(({ type, payload }) => ({ ts, source: 'manager', type, payload }));
	}

	#toEntry(row: SessionRow): Entry {
		const cell = toCell(row);
		this.#heads.set(cell.id, cell.position.lastSeq);
		return { cell, tail: new EventTail(), queue: Promise.resolve(), writes: 0 };
	}

	#entry(sessionId: SessionId): Promise<Entry | null> {
		const known = this.#entries.get(sessionId);
		if (known) return known;
		const loading = findSession(this.#options.db, sessionId).then((row) =>
			row ? this.#toEntry(row) : null
		);
		this.#entries.set(sessionId, loading);
		loading.then(
			(entry) => {
				if (entry) void this.#evict();
				else this.#entries.delete(sessionId);
			},
			() => this.#entries.delete(sessionId)
		);
		return loading;
	}

	/** Lets go of sessions at rest, the ones that came longest ago first. */
	async #evict(): Promise<void> {
		if (this.#entries.size <= AT_REST_MAX) return;
		const atRest: SessionId[] = [];
		for (const [id, loading] of [...this.#entries]) {
			const entry = await loading.catch(() => null);
			if (entry && this.#isAtRest(entry)) atRest.push(id);
		}
		for (const id of atRest.slice(0, Math.max(0, atRest.length - AT_REST_MAX))) {
			const entry = await this.#entries.get(id)?.catch(() => null);
			if (entry && this.#isAtRest(entry)) this.forget(id);
		}
	}

	#isAtRest({ cell, writes }: Entry): boolean {
		const { status, ending } = cell.state;
		if (isLive(status) || ending !== null || writes > 0) return false;
		return this.#options.hub.viewers(cell.id) === 0;
	}

	#inOrder<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
		entry.writes += 1;
		const result = entry.queue.then(work).finally(() => (entry.writes -= 1));
		entry.queue = result.catch(() => undefined);
		return result;
	}

	async #knownAnswer(request: CommandRequest): Promise<Result<JsonObject, WireError> | null> {
		const receipt = await findReceipt(this.#options.db, request.id);
		if (!receipt) return null;
		return receipt.requestHash === request.requestHash
			? ok(receipt.answer)
			: fail(
					wireError('idempotency_conflict', 'This idempotency key was used for another request.')
				);
	}

	async #write(
		entry: Entry,
		draft: (cell: SessionCell) => EventDraft | null,
		receipt: ((cell: SessionCell) => CommandReceipt) | null
	): Promise<SessionCell> {
		for (;;) {
			const { cell } = entry;
			const drafted = draft(cell);
			if (!drafted) return cell;
			const nothing = drafted.events.length === 0 && !drafted.runnerCommands?.length;
			if (nothing && !receipt) return cell;
			const prepared = prepareEvents(cell, drafted);
			const updatedAt = areMarks(drafted.events) ? cell.updatedAt : this.#options.now();
			const next: SessionCell = { ...cell, ...prepared, updatedAt };
			const written = await appendEvents(this.#options.db, {
				sessionId: cell.id,
				from: cell.position,
				to: prepared.position,
				state: prepared.state,
				updatedAt,
				events: prepared.rows,
				runnerCommands: drafted.runnerCommands ?? [],
				repoRules: drafted.repoRules ?? [],
				receipt: receipt ? receipt(next) : null
			});
			if (written) {
				this.#commit(entry, next, prepared, drafted.runnerCommands ?? []);
				return entry.cell;
			}
			await this.#reload(entry);
		}
	}

	#commit(
		entry: Entry,
		next: SessionCell,
		{ stored, tail, state, position }: PreparedEvents,
		runnerCommands: readonly RunnerCommand[]
	): void {
		const { state: before, position: from } = entry.cell;
		Object.assign(entry.cell, { state, position, updatedAt: next.updatedAt });
		this.#heads.set(entry.cell.id, position.lastSeq);
		// Texts that nobody reads would only grow old in memory: a viewer that comes later asks the database.
		if (this.#options.hub.viewers(entry.cell.id) > 0) entry.tail.push(tail);
		else entry.tail.clear();
		this.#options.hub.publishSession(entry.cell.id, { type: 'head', head: position.lastSeq });
		if (state !== before) this.#publish(entry.cell);
		this.#options.onCommit({
			cell: entry.cell,
			before,
			events: stored,
			runnerCommands: runnerCommands.map((command, index) => ({
				num: from.lastCommand + 1 + index,
				command
			}))
		});
	}

	#publish(cell: SessionCell): void {
		const session = this.show(cell);
		this.#options.hub.publishSession(cell.id, { type: 'session', session });
		this.#options.hub.publishList({ type: 'session', session });
	}

	/** The row is not where memory thinks: somebody else wrote it. */
	async #reload(entry: Entry): Promise<void> {
		const row = await findSession(this.#options.db, entry.cell.id);
		if (!row) {
			this.forget(entry.cell.id);
			throw new Error('the session was purged while it was written');
		}
		const { position, state, updatedAt } = toCell(row);
		Object.assign(entry.cell, { position, state, updatedAt });
		entry.tail = new EventTail();
	}
}
