/**
 * One connection of a runner, seen from the manager: hello, welcome, then records that are committed
 * and acknowledged in order, deltas that go straight to the viewers, and commands on their way in.
 */
import type { WebSocket } from 'ws';
import type { Logger } from 'pino';
import type { Delta } from '@agent-manager/protocol/delta.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { OLDEST_RUNNER_VERSION, PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import {
	RUNNER_CLOSE,
	runnerToManagerSchema,
	type AgentOptions,
	type ManagerToRunner,
	type OutboxRecord,
	type RunnerToManager
} from '@agent-manager/protocol/runner-frames.ts';
import { markCommandsTaken, readRunnerCommands, type NumberedCommand } from '#lib/server/db/sessions.ts';
import type { Database } from '#lib/server/db/client.ts';
import type { Hub } from './hub.ts';
import type { Partials } from './partials.ts';
import type { SessionLog } from './session-log.ts';

export interface RunnerConnectionOptions {
	ws: WebSocket;
	sessionId: SessionId;
	epoch: number;
	db: Database;
	log: SessionLog;
	hub: Hub;
	partials: Partials;
	logger: Logger;
	agentOptions: () => Promise<AgentOptions | null>;
	onHello: () => void;
	/** Something was said, stored or not. */
	onActivity: () => void;
	onClose: () => void;
	/** Resolves after a while; longer each time it is asked in a row. */
	backOff: (attempt: number) => Promise<void>;
}

/** Records in one write: enough to be quick, few enough to stay short. */
const BATCH_MAX = 500;
/** Records that wait here; above it the socket is not read until the database has caught up. */
const WAITING_MAX = 2_000;

type Hello = Extract<RunnerToManager, { kind: 'hello' }>;

export class RunnerConnection {
	readonly #options: RunnerConnectionOptions;
	#waiting: OutboxRecord[] = [];
	#ingesting = false;
	#ready = false;
	#lastSentCommand = 0;
	#committedN = 0;
	#deltas: { afterN: number; deltas: Delta[] }[] = [];
	readonly #probes = new Map<string, (result: { turnOpen: boolean; openTools: number }) => void>();

	constructor(options: RunnerConnectionOptions) {
		this.#options = options;
		const { ws, logger } = options;
		ws.on('message', (data, isBinary) => {
			try {
				this.#receive(data.toString(), isBinary);
			} catch (cause) {
				logger.warn({ err: cause, sessionId: options.sessionId }, 'runner frame refused');
				ws.close(RUNNER_CLOSE.protocol, 'the frame could not be read');
			}
		});
		ws.on('error', (cause) => logger.debug({ err: cause }, 'runner connection failed'));
		ws.on('close', options.onClose);
	}

	get epoch(): number {
		return this.#options.epoch;
	}

	/** Sends commands that were just committed; the ones it did not see follow with the next welcome. */
	deliver(commands: readonly NumberedCommand[]): void {
		if (!this.#ready) return;
		for (const { num, command } of commands) {
			if (num <= this.#lastSentCommand) continue;
			this.#lastSentCommand = num;
			this.#send({ kind: 'command', num, command });
		}
	}

	/** Asks the runner whether a turn is open; rejects when the signal aborts. */
	probe(probeId: string, signal: AbortSignal): Promise<{ turnOpen: boolean; openTools: number }> {
		return new Promise((resolve, reject) => {
			signal.addEventListener('abort', () => {
				this.#probes.delete(probeId);
				reject(new Error('the runner did not answer'));
			});
			this.#probes.set(probeId, resolve);
			this.#send({ kind: 'probe', probeId });
		});
	}

	close(code: number, reason: string): void {
		this.#options.ws.close(code, reason);
	}

	#send(frame: ManagerToRunner): void {
		if (this.#options.ws.readyState === this.#options.ws.OPEN) {
			this.#options.ws.send(JSON.stringify(frame));
		}
	}

	#receive(text: string, isBinary: boolean): void {
		if (isBinary) throw new Error('binary frames are not spoken here');
		const frame = runnerToManagerSchema.parse(JSON.parse(text));
		if (frame.kind === 'hello') return void this.#welcome(frame);
		if (!this.#ready) throw new Error('hello comes first');
		switch (frame.kind) {
			case 'records':
				this.#waiting.push(...frame.records);
				if (this.#waiting.length > WAITING_MAX) this.#options.ws.pause();
				void this.#ingest();
				return;
			case 'delta':
				this.#options.onActivity();
				this.#deltas.push({ afterN: frame.afterN, deltas: frame.deltas });
				this.#releaseDeltas();
				return;
			case 'partial':
				this.#options.partials.replace(frame.partials);
				this.#options.hub.publishSession(this.#options.sessionId, { type: 'partials' });
				return;
			case 'command_ack':
				void this.#commandTaken(frame.num);
				return;
			case 'probe_result':
				this.#probes.get(frame.probeId)?.(frame);
				this.#probes.delete(frame.probeId);
				return;
		}
	}

	async #welcome(hello: Hello): Promise<void> {
		const { ws, sessionId, epoch, log, db, logger, agentOptions, onHello } = this.#options;
		if (hello.v < OLDEST_RUNNER_VERSION || hello.v > PROTOCOL_VERSION) {
			return ws.close(RUNNER_CLOSE.protocol, 'protocol version not supported');
		}
		if (hello.sessionId !== sessionId || hello.epoch !== epoch) {
			return ws.close(RUNNER_CLOSE.unauthorized, 'not the session of this door');
		}
		try {
			const [cell, agent] = await Promise.all([log.find(sessionId), agentOptions()]);
			if (!cell || !agent || cell.position.epoch !== epoch) {
				return ws.close(RUNNER_CLOSE.fenced, 'a newer runner has taken over');
			}
			this.#committedN = cell.position.lastN;
			this.#send({ kind: 'welcome', v: PROTOCOL_VERSION, ackedN: this.#committedN, agent });
			this.#lastSentCommand = hello.lastCommand;
			this.#ready = true;
			onHello();
			if (cell.position.lastCommand > hello.lastCommand) {
				this.deliver(await readRunnerCommands(db, sessionId, hello.lastCommand));
			}
		} catch (cause) {
			logger.warn({ err: cause, sessionId }, 'welcome failed');
			ws.close(RUNNER_CLOSE.goingAway, 'try again');
		}
	}

	/** One at a time, in order; while the database is away the records wait in the runner's outbox. */
	async #ingest(): Promise<void> {
		if (this.#ingesting) return;
		this.#ingesting = true;
		const { ws, sessionId, epoch, log, logger, backOff } = this.#options;
		let attempt = 0;
		while (this.#waiting.length > 0 && ws.readyState === ws.OPEN) {
			const batch = this.#waiting.slice(0, BATCH_MAX);
			try {
				const result = await log.ingest(sessionId, epoch, batch);
				attempt = 0;
				if ('fenced' in result) {
					ws.close(RUNNER_CLOSE.fenced, 'a newer runner has taken over');
					break;
				}
				if ('expectedN' in result) {
					this.#waiting = [];
					this.#send({ kind: 'nack', expectedN: result.expectedN });
					break;
				}
				this.#waiting.splice(0, batch.length);
				this.#committedN = result.ackedN;
				this.#send({ kind: 'ack', n: result.ackedN });
				this.#releaseDeltas();
			} catch (cause) {
				logger.warn({ err: cause, sessionId, attempt }, 'events could not be committed');
				await backOff(attempt++);
			}
			if (this.#waiting.length <= WAITING_MAX / 2) ws.resume();
		}
		this.#ingesting = false;
		ws.resume();
	}

	/** A delta never overtakes a stored event: it waits for the record that it follows. */
	#releaseDeltas(): void {
		const { hub, log, partials, sessionId } = this.#options;
		while (this.#deltas[0] && this.#deltas[0].afterN <= this.#committedN) {
			const group = this.#deltas.shift();
			const head = log.head(sessionId);
			for (const delta of group?.deltas ?? []) {
				if (!partials.apply(delta)) {
					this.#deltas = [];
					return this.#send({ kind: 'partial_request' });
				}
				hub.publishSession(sessionId, { type: 'delta', delta, json: JSON.stringify(delta), head });
			}
		}
	}

	async #commandTaken(num: number): Promise<void> {
		const { db, sessionId, logger } = this.#options;
		try {
			await markCommandsTaken(db, sessionId, num);
		} catch (cause) {
			// Only a note for people: the runner itself says with each hello what it has taken.
			logger.warn({ err: cause, sessionId, num }, 'a taken command could not be marked');
		}
	}
}
