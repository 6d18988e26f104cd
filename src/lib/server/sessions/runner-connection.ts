/**
 * One connection of a runner, seen from the manager: hello, welcome, then records that are committed
 * and acknowledged in order, deltas that go straight to the viewers, and commands on their way in.
 */
import type { WebSocket } from 'ws';
import type { Logger } from 'pino';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import {
	OLDEST_RUNNER_VERSION,
	PROTOCOL_VERSION
} from '@agent-manager/protocol/protocol-version.ts';
import {
	COMMAND_SINCE,
	RUNNER_CLOSE,
	runnerToManagerSchema,
	type AgentOptions,
	type ManagerToRunner,
	type OutboxRecord,
	type RunnerToManager
} from '@agent-manager/protocol/runner-frames.ts';
import {
	markCommandsTaken,
	readRunnerCommands,
	type NumberedCommand
} from '#lib/server/db/sessions.ts';
import type { Database } from '#lib/server/db/client.ts';
import { CommandFeed } from './command-feed.ts';
import { DeltaGate } from './delta-gate.ts';
import type { Hub } from './hub.ts';
import type { Partials } from './partials.ts';
import { RecordIntake } from './record-intake.ts';
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
	/** A frame has come, whatever it says. */
	onHeard: () => void;
	/** Something was said, stored or not. */
	onActivity: () => void;
	onClose: () => void;
	/** Runs a write of records when few enough others write. */
	inTurn: <T>(work: () => Promise<T>) => Promise<T>;
	/** Resolves after a while; longer each time it is asked in a row. */
	backOff: (attempt: number) => Promise<void>;
}

type Hello = Extract<RunnerToManager, { kind: 'hello' }>;

/** A mark is in no hurry, and the moment after a command belongs to the agent. */
const MARK_DELAY_MS = 500;

/** How a frame of records begins as our runner writes it. */
const RECORDS_START = Buffer.from('{"kind":"records",');

/** The version that knows more modes than `full` and `ask`. */
const MODES_SINCE = 2;

/** An older runner takes a mode that it does not know for nonsense; its agent is at work already. */
const withKnownMode = (agent: AgentOptions): AgentOptions =>
	agent.permissionMode === 'full' ? agent : { ...agent, permissionMode: 'ask' };

const readFrame = (data: Buffer): RunnerToManager =>
	runnerToManagerSchema.parse(JSON.parse(data.toString()));

const readRecords = (data: Buffer): readonly OutboxRecord[] => {
	const frame = readFrame(data);
	if (frame.kind !== 'records') throw new Error('a frame has two kinds');
	return frame.records;
};

export class RunnerConnection {
	readonly #options: RunnerConnectionOptions;
	readonly #intake: RecordIntake;
	readonly #gate: DeltaGate;
	/** null until the runner is welcome. */
	#feed: CommandFeed | null = null;
	#greeted = false;
	#committedN = 0;
	/** Newest command that the runner has and that is not marked so yet. */
	#takenNum = 0;
	#markTimer: NodeJS.Timeout | null = null;
	readonly #probes = new Map<string, (result: { turnOpen: boolean; openTools: number }) => void>();

	constructor(options: RunnerConnectionOptions) {
		this.#options = options;
		this.#gate = this.#makeGate();
		this.#intake = this.#makeIntake();
		const { ws, logger } = options;
		ws.on('message', (data, isBinary) => {
			try {
				this.#receive(data as Buffer, isBinary);
			} catch (cause) {
				this.#refuse(cause);
			}
		});
		ws.on('error', (cause) => logger.debug({ err: cause }, 'runner connection failed'));
		ws.on('close', () => {
			if (this.#markTimer) void this.#markTaken();
			options.onClose();
		});
	}

	get epoch(): number {
		return this.#options.epoch;
	}

	/** Records that wait for the database. */
	get waiting(): number {
		return this.#intake.waiting;
	}

	/** Sends commands that were just committed; before the welcome they are read with it. */
	deliver(commands: readonly NumberedCommand[]): void {
		this.#feed?.deliver(commands);
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

	/** Asks for a word, whatever it is; the answer is a frame like any other. */
	ask(probeId: string): void {
		this.#send({ kind: 'probe', probeId });
	}

	close(code: number, reason: string): void {
		this.#options.ws.close(code, reason);
	}

	#makeGate(): DeltaGate {
		const { hub, log, partials, sessionId } = this.#options;
		return new DeltaGate({
			partials,
			onDelta: (delta) => {
				const head = log.head(sessionId);
				hub.publishSession(sessionId, { type: 'delta', delta, json: JSON.stringify(delta), head });
			},
			onPartials: () => hub.publishSession(sessionId, { type: 'partials' }),
			askForWhole: () => this.#send({ kind: 'partial_request' })
		});
	}

	#makeIntake(): RecordIntake {
		const { ws, log, sessionId, epoch, logger, backOff, inTurn } = this.#options;
		return new RecordIntake({
			read: readRecords,
			ingest: (records) => log.ingest(sessionId, epoch, records),
			inTurn,
			isOver: () => ws.readyState !== ws.OPEN,
			onCommitted: (n) => {
				this.#committedN = n;
				this.#send({ kind: 'ack', n });
				this.#gate.release(n);
			},
			onHole: (expectedN) => this.#send({ kind: 'nack', expectedN }),
			onFenced: () => ws.close(RUNNER_CLOSE.fenced, 'a newer runner has taken over'),
			onUnreadable: (cause) => this.#refuse(cause),
			pause: () => ws.pause(),
			resume: () => ws.resume(),
			backOff,
			logger: logger.child({ sessionId })
		});
	}

	#send(frame: ManagerToRunner): void {
		if (this.#options.ws.readyState === this.#options.ws.OPEN) {
			this.#options.ws.send(JSON.stringify(frame));
		}
	}

	#refuse(cause: unknown): void {
		const { ws, logger, sessionId } = this.#options;
		logger.warn({ err: cause, sessionId }, 'runner frame refused');
		ws.close(RUNNER_CLOSE.protocol, 'the frame could not be read');
	}

	#receive(data: Buffer, isBinary: boolean): void {
		if (isBinary) throw new Error('binary frames are not spoken here');
		// Read when they are written: nothing before that depends on what is in them.
		if (this.#feed && data.subarray(0, RECORDS_START.length).equals(RECORDS_START)) {
			this.#options.onHeard();
			return this.#intake.push(data);
		}
		const frame = readFrame(data);
		this.#options.onHeard();
		if (frame.kind === 'hello') {
			if (this.#greeted) throw new Error('hello comes once');
			this.#greeted = true;
			return void this.#welcome(frame);
		}
		if (!this.#feed) throw new Error('hello comes first');
		const { length } = data;
		switch (frame.kind) {
			case 'records':
				return this.#intake.push(data);
			case 'delta':
				this.#options.onActivity();
				return this.#gate.push({ ...frame, length }, this.#committedN);
			case 'partial':
				return this.#gate.push({ ...frame, length }, this.#committedN);
			case 'held_up':
				return this.#setHeldUp(frame.heldUp);
			case 'command_ack':
				return this.#commandTaken(frame.num);
			case 'probe_result':
				this.#probes.get(frame.probeId)?.(frame);
				this.#probes.delete(frame.probeId);
				return;
		}
	}

	async #welcome(hello: Hello): Promise<void> {
		const { ws, sessionId, epoch, log, logger, agentOptions, onHello } = this.#options;
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
			const known = hello.v < MODES_SINCE ? withKnownMode(agent) : agent;
			this.#send({ kind: 'welcome', v: PROTOCOL_VERSION, ackedN: this.#committedN, agent: known });
			this.#feed = this.#makeFeed(hello);
			this.#setHeldUp(false);
			onHello();
			if (cell.position.lastCommand > hello.lastCommand) this.#feed.catchUp();
		} catch (cause) {
			logger.warn({ err: cause, sessionId }, 'welcome failed');
			ws.close(RUNNER_CLOSE.goingAway, 'try again');
		}
	}

	#makeFeed({ v, lastCommand }: Hello): CommandFeed {
		const { ws, db, log, sessionId, logger } = this.#options;
		return new CommandFeed(lastCommand, {
			readAfter: (num) => readRunnerCommands(db, sessionId, num),
			state: async () => (await log.find(sessionId))?.state ?? null,
			send: ({ num, command }) => this.#send({ kind: 'command', num, command }),
			knows: (type) => COMMAND_SINCE[type] <= v,
			onFailure: (cause) => {
				logger.warn({ err: cause, sessionId }, 'commands could not be read');
				ws.close(RUNNER_CLOSE.goingAway, 'try again');
			}
		});
	}

	#setHeldUp(heldUp: boolean): void {
		const { log, logger, sessionId } = this.#options;
		log.setHeldUp(sessionId, heldUp).catch((cause: unknown) => {
			logger.warn({ err: cause, sessionId, heldUp }, 'a full outbox was not shown');
		});
	}

	/** Only a note for people and for the tidying up: the runner itself says with each hello what it has. */
	#commandTaken(num: number): void {
		this.#takenNum = Math.max(this.#takenNum, num);
		this.#markTimer ??= setTimeout(() => void this.#markTaken(), MARK_DELAY_MS);
	}

	async #markTaken(): Promise<void> {
		const { db, sessionId, logger } = this.#options;
		if (this.#markTimer) clearTimeout(this.#markTimer);
		this.#markTimer = null;
		const num = this.#takenNum;
		try {
			await markCommandsTaken(db, sessionId, num);
		} catch (cause) {
			logger.warn({ err: cause, sessionId, num }, 'a taken command could not be marked');
		}
	}
}
