/**
 * A runner without an agent: outbox, command log, connection and record sender are the real ones,
 * what they carry is made by a seed. A hundred of them fit where a handful of agents do.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '../../../packages/protocol/src/protocol-version.ts';
import type { ManagerToRunner } from '../../../packages/protocol/src/runner-frames.ts';
import { CommandLog } from '../../../packages/runner/src/command-log.ts';
import { Connection } from '../../../packages/runner/src/connection.ts';
import type { RunnerEnvironment } from '../../../packages/runner/src/environment.ts';
import type { Log } from '../../../packages/runner/src/log.ts';
import { Outbox } from '../../../packages/runner/src/outbox.ts';
import { PartialTracker } from '../../../packages/runner/src/partial.ts';
import { RunnerRecords } from '../../../packages/runner/src/runner-records.ts';
import { CuttableDoor } from './cuttable-door.ts';
import { LightRecords, type LightRecord } from './light-records.ts';
import type { LightOrder } from './order.ts';

/** Small segments: what is committed is soon gone, as in a session of many hours. */
const SEGMENT_BYTES = 32 * 1024;
const LAST_ACK_MS = 8_000;
const EXIT_CODE = { finish: 0, stop: 0, fenced: 3, unauthorized: 4 } as const;
type Reason = keyof typeof EXIT_CODE;

interface Parts {
	env: RunnerEnvironment;
	order: LightOrder;
	log: Log;
	outbox: Outbox;
	commandLog: CommandLog;
	door: CuttableDoor;
}

export class LightRunner {
	readonly #parts: Parts;
	readonly #records: RunnerRecords;
	readonly #connection: Connection;
	readonly #partials = new PartialTracker();
	readonly #ended: Promise<Reason>;
	/** Ends it; the first reason counts. */
	end: (reason: Reason) => void = () => undefined;
	#turn: string | null = null;
	#inbox: Promise<unknown> = Promise.resolve();

	private constructor(parts: Parts) {
		this.#parts = parts;
		const { env, outbox, commandLog, log } = parts;
		this.#records = new RunnerRecords(outbox);
		this.#ended = new Promise((resolve) => (this.end = resolve));
		this.#connection = new Connection({
			door: { ...env.door, socketPath: DOOR_PATH },
			token: env.token,
			sessionId: env.sessionId,
			epoch: env.epoch,
			outbox,
			lastCommand: () => commandLog.lastCommand,
			log,
			random: Math.random,
			handlers: {
				onWelcome: () => undefined,
				onCommand: (frame) => (this.#inbox = this.#inbox.then(() => this.#take(frame))),
				onProbe: () => ({ turnOpen: this.#turn !== null, openTools: 0 }),
				partials: () => this.#partials.snapshot(),
				onEnd: (reason) => this.end(reason)
			}
		});
	}

	static async open(env: RunnerEnvironment, order: LightOrder, log: Log): Promise<LightRunner> {
		const outbox = await Outbox.open(join(env.sessionFolder, 'outbox'), {
			log,
			now: () => new Date(),
			delay: (ms) => delay(ms),
			limits: { segmentBytes: SEGMENT_BYTES }
		});
		const commandLog = await CommandLog.open(join(env.sessionFolder, 'commands.log'), outbox.lastN);
		const { door: address } = env;
		const door = await CuttableDoor.open(DOOR_PATH, address.socketPath);
		return new LightRunner({ env, order, log, outbox, commandLog, door });
	}

	/** Breaks what is connected, in the middle of whatever is being sent. */
	cut(): void {
		this.#parts.door.cut();
	}

	/** Resolves with the exit code. */
	async run(): Promise<number> {
		const { env, outbox, commandLog } = this.#parts;
		const { epoch } = env;
		const version = PROTOCOL_VERSION;
		const resumed = outbox.lastN > 0;
		for (const { commandId, ended } of commandLog.found.turns) {
			if (!ended) this.#endTurn(commandId, 'unknown');
		}
		this.#records.append('runner.started', { epoch, version, resumed, claudeCodeVersion: null });
		this.#connection.open();
		void this.#produce();
		const reason = await this.#ended;
		if (this.#turn !== null) this.#endTurn(this.#turn, 'completed');
		if (reason === 'finish' || reason === 'stop') {
			const n = this.#records.append('runner.stopped', { reason });
			await Promise.race([outbox.whenAcked(n), delay(LAST_ACK_MS)]);
		}
		this.#connection.close();
		await outbox.close();
		this.#parts.door.close();
		return EXIT_CODE[reason];
	}

	async #take({ num, command }: Extract<ManagerToRunner, { kind: 'command' }>): Promise<void> {
		const { commandLog } = this.#parts;
		if (num > commandLog.lastCommand) {
			await commandLog.take(num, command);
			if (command.type === 'message') this.#beginTurn(command.commandId);
			else if (command.type === 'interrupt') this.#endTurn(this.#turn, 'interrupted');
			else if (command.type === 'finish') this.end('finish');
			commandLog.note({ step: 'done', num });
		}
		this.#connection.acknowledgeCommand(num);
	}

	#beginTurn(commandId: string): void {
		this.#endTurn(this.#turn, 'completed');
		this.#turn = commandId;
		const n = this.#records.append('runner.turn_started', { commandId });
		this.#parts.commandLog.note({ step: 'turn_started', commandId, n });
	}

	#endTurn(commandId: string | null, outcome: 'completed' | 'interrupted' | 'unknown'): void {
		if (commandId === null) return;
		this.#turn = null;
		const n = this.#records.append('runner.turn_ended', { commandId, outcome });
		this.#parts.commandLog.note({ step: 'turn_ended', commandId, n, outcome });
	}

	/** Speaks at its rate while a turn is open, and holds its breath while the outbox is full. */
	async #produce(): Promise<void> {
		const { order, outbox } = this.#parts;
		if (order.rate === 0) return;
		const records = new LightRecords(order.seed, order.chars);
		let spoken = 0;
		const begun = performance.now();
		for (;;) {
			await delay(1000 / order.rate);
			const due = Math.floor(((performance.now() - begun) / 1000) * order.rate);
			for (; spoken < due; spoken += 1) {
				if (this.#turn === null) continue;
				await this.#waitForRoom();
				this.#say(records.next(outbox.lastN + 1));
			}
		}
	}

	async #waitForRoom(): Promise<void> {
		const room = this.#parts.outbox.room();
		if (!room) return;
		this.#connection.setHeldUp(true);
		await room;
		this.#connection.setHeldUp(false);
	}

	#say({ type, pieces, payload }: LightRecord): void {
		const { outbox } = this.#parts;
		const id = (payload.message as { id?: string } | undefined)?.id ?? randomUUID();
		const stream = (event: object): void => {
			const delta = this.#partials.stream({ type: 'stream_event', event });
			if (delta) this.#connection.sendDeltas(outbox.lastN, [delta]);
		};
		if (pieces.length > 0) {
			stream({ type: 'message_start', message: { id } });
			stream({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } });
			for (const text of pieces) {
				stream({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
			}
		}
		outbox.append('claude', type, payload, false);
		this.#partials.complete(payload);
		this.#partials.clear();
	}
}

const DOOR_PATH = '/tmp/cuttable-door.sock';
