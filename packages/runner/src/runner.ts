/**
 * Puts the runner together in the order that gets the first token out soonest: the agent's process
 * starts before anything else that takes time, and the rest is made while it starts.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CanUseTool } from '@anthropic-ai/claude-agent-sdk/core';
import { PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { RunnerEventPayload } from '@agent-manager/protocol/events.ts';
import type { AgentOptions, ManagerToRunner } from '@agent-manager/protocol/runner-frames.ts';
import { Agent } from './agent.ts';
import { AgentWatch } from './agent-watch.ts';
import { readAgentOptions } from './agent-options.ts';
import {
	configFolder,
	startAgentProcess,
	type AgentExit,
	type AgentProcess
} from './agent-process.ts';
import { Attachments } from './attachments.ts';
import { Approvals } from './approvals.ts';
import { offersOf } from './agent-offers.ts';
import { CommandLog, type TakenCommand } from './command-log.ts';
import { Checkpoints } from './checkpoints.ts';
import { Configuration } from './configuration.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { saveCurrentConversation } from './conversation.ts';
import { createDeltaBatch } from './delta-batch.ts';
import type { RunnerEnvironment } from './environment.ts';
import { errorText, type Log } from './log.ts';
import { watchForOrphan } from './orphan-watch.ts';
import { Outbox } from './outbox.ts';
import { recover } from './recovery.ts';
import { startRelay } from './relay.ts';
import { RunnerRecords } from './runner-records.ts';

/** What the process ends with. */
export const EXIT = { ok: 0, agentDied: 1, fenced: 3, unauthorized: 4 } as const;

/** A stop has ten seconds in all; the manager kills what is left after them. */
const STOP_MS = { interrupt: 2500, exit: 2500, acknowledge: 3000 };
const FINISH_ACKNOWLEDGE_MS = 30_000;
const TAKE_RETRY_MS = 500;

type StopReason = RunnerEventPayload<'runner.stopped'>['reason'];

export interface Runner {
	/** Resolves with the exit code when all is done. */
	ended: Promise<number>;
	/** Interrupts, flushes, waits a little for the manager, ends. */
	stop(): void;
}

const within = (ms: number, work: Promise<unknown>): Promise<unknown> =>
	Promise.race([work, delay(ms, undefined, { ref: false })]);

/** Throws when the relay, the outbox or the agent's program can't be had. */
export const startRunner = async (env: RunnerEnvironment, log: Log): Promise<Runner> => {
	const relay = await startRelay({ door: env.door, token: env.token, port: env.relayPort });
	const asking = createAskingSlot();
	const startProcess = (options: AgentOptions): Promise<AgentProcess> =>
		startAgentProcess(env, options, relay.port, asking.ask);

	const early = readAgentOptions(env.sessionFolder, log);
	const process = early && (await startProcess(early));
	const outbox = await Outbox.open(join(env.sessionFolder, 'outbox'), {
		log,
		now: () => new Date(),
		delay: (ms) => delay(ms)
	});
	const commandLog = await CommandLog.open(join(env.sessionFolder, 'commands.log'), outbox.lastN);
	const origin = `http://127.0.0.1:${relay.port}`;
	const attachments = new Attachments({ ...env, origin, log });
	const session = new RunnerSession({ env, log, outbox, commandLog, attachments });
	asking.fill(session.approvals.ask);
	session.connect();
	const run = async (): Promise<number> => {
		const options = early ?? (await session.welcomed);
		if (options === null) return session.close();
		return session.run(process ?? (await startProcess(options)), options);
	};
	return { ended: run().finally(() => relay.close()), stop: () => session.stop() };
};

/** The agent may start before there is anybody to ask; it asks only later. */
const createAskingSlot = (): { ask: CanUseTool; fill: (ask: CanUseTool) => void } => {
	let fill: (ask: CanUseTool) => void = () => undefined;
	const filled = new Promise<CanUseTool>((resolve) => (fill = resolve));
	return { ask: async (...request) => (await filled)(...request), fill };
};

interface SessionDeps {
	env: RunnerEnvironment;
	log: Log;
	outbox: Outbox;
	commandLog: CommandLog;
	attachments: Attachments;
}

class RunnerSession {
	readonly #deps: SessionDeps;
	readonly #records: RunnerRecords;
	readonly #connection: Connection;
	readonly approvals: Approvals;
	/** What the manager says about the agent, at the first connection; null when it ends before. */
	readonly welcomed: Promise<AgentOptions | null>;
	#welcome: (options: AgentOptions | null) => void = () => undefined;
	/** Commands that were taken before there was an agent. */
	readonly #early: TakenCommand[] = [];
	#agent: Agent | null = null;
	/** The agent is not read, because the outbox is full. */
	#heldUp = false;
	#inbox: Promise<unknown> = Promise.resolve();
	#stopping = false;
	#connectionEnd: ConnectionEnd | null = null;
	#kill: () => void = () => undefined;
	#stopWatching: () => void = () => undefined;

	constructor(deps: SessionDeps) {
		this.#deps = deps;
		const { env, log, outbox, commandLog } = deps;
		this.#records = new RunnerRecords(outbox);
		this.approvals = new Approvals(this.#records, commandLog, randomUUID);
		this.welcomed = new Promise((resolve) => (this.#welcome = resolve));
		this.#connection = new Connection({
			door: env.door,
			token: env.token,
			sessionId: env.sessionId,
			epoch: env.epoch,
			outbox,
			lastCommand: () => commandLog.lastCommand,
			log,
			random: Math.random,
			handlers: {
				onWelcome: (frame) => this.#welcome(frame.agent),
				onCommand: (frame) => this.#enqueue(frame),
				onProbe: () => ({
					turnOpen: this.#agent?.turnOpen ?? false,
					openTools: this.#agent?.openTools ?? 0
				}),
				partials: () => this.#agent?.partials() ?? [],
				onEnd: (reason) => this.#endConnection(reason)
			}
		});
	}

	connect(): void {
		this.#connection.open();
		this.#stopWatching = watchForOrphan({
			sessionFolder: this.#deps.env.sessionFolder,
			isConnected: () => this.#connection.connected,
			nowMs: () => performance.now(),
			onOrphaned: () => {
				this.#deps.log('error', 'the session folder was deleted and no manager is there: ending');
				this.stop();
			}
		});
	}

	/** Drives the agent to its end. Resolves with the exit code. */
	async run(process: AgentProcess, options: AgentOptions): Promise<number> {
		const { env, outbox, commandLog, log } = this.#deps;
		this.#kill = process.kill;
		if (this.#connectionEnd) process.kill();
		const { conversationId, resumed, contextLost } = process;
		const lastN = outbox.lastN;
		const { epoch } = env;
		const version = PROTOCOL_VERSION;
		const lost = contextLost ? { contextLost } : {};
		this.#records.append('runner.started', {
			...{ epoch, version, resumed, claudeCodeVersion: null },
			...lost
		});
		const deltas = createDeltaBatch((afterN, batch) => this.#connection.sendDeltas(afterN, batch));
		const watch = this.#watch(process);
		const configuration = new Configuration(process.query, this.#records, options);
		this.approvals.onMode = (mode) => configuration.modeIs(mode);
		void this.#tellOffers(process);
		const agent = new Agent({
			process,
			outbox,
			records: this.#records,
			commandLog,
			approvals: this.approvals,
			configuration,
			attachments: this.#deps.attachments,
			checkpoints: new Checkpoints({
				worktree: env.worktree,
				records: this.#records,
				env: { ...env.inherited, HOME: join(env.sessionFolder, 'home') },
				log
			}),
			onDelta: deltas.add,
			onHeard: () => watch.heard(),
			onHeldUp: (heldUp) => {
				this.#heldUp = heldUp;
				this.#connection.setHeldUp(heldUp);
			},
			onConversation: (id) =>
				saveCurrentConversation(env.sessionFolder, options.conversationId, id),
			newId: randomUUID,
			log
		});
		const running = agent.run().finally(() => watch.stop());
		watch.start();
		const { todo } = await recover({
			commandLog,
			records: this.#records,
			lastN,
			configFolder: configFolder(env.sessionFolder),
			conversationId,
			log
		});
		// Before the very first turn the files are those of the commit that the worktree was made from.
		if (epoch > 1) void agent.keepFiles();
		for (const taken of todo) agent.handle(taken, taken.announced);
		this.#agent = agent;
		for (const taken of this.#early.splice(0)) agent.handle(taken);
		if (this.#stopping) void this.#stopAgent(agent);
		return this.#conclude(agent, await running);
	}

	/** Which commands and models there are. Without it the page only offers fewer of them. */
	async #tellOffers({ query }: AgentProcess): Promise<void> {
		try {
			const offers = offersOf(await query.initializationResult());
			this.#records.append('runner.offered', offers, false);
		} catch (error) {
			this.#deps.log('info', 'the agent did not say what it has', { error: errorText(error) });
		}
	}

	#watch({ query }: AgentProcess): AgentWatch {
		return new AgentWatch({
			isDue: () => (this.#agent?.turnOpen ?? false) && !this.#heldUp,
			// A question that Claude Code answers at any time, and that changes nothing.
			ask: () => query.mcpServerStatus(),
			onSilent: (afterSeconds) => this.#records.append('runner.agent_silent', { afterSeconds }),
			onHeard: () => this.#records.append('runner.agent_heard', {}),
			nowMs: () => performance.now(),
			log: this.#deps.log
		});
	}

	stop(): void {
		if (this.#stopping) return;
		this.#stopping = true;
		this.#deps.log('info', 'stopping');
		this.#welcome(null);
		if (this.#agent) void this.#stopAgent(this.#agent);
	}

	async #stopAgent(agent: Agent): Promise<void> {
		agent.hold();
		agent.interrupt();
		await within(STOP_MS.interrupt, agent.idle());
		agent.closeInput();
		await delay(STOP_MS.exit, undefined, { ref: false });
		this.#kill();
	}

	/** Commands are taken one after the other: durable first, acknowledged then, done last. */
	#enqueue(frame: Extract<ManagerToRunner, { kind: 'command' }>): void {
		this.#inbox = this.#inbox.then(() => this.#receive(frame));
	}

	async #receive({ num, command }: Extract<ManagerToRunner, { kind: 'command' }>): Promise<void> {
		const { commandLog, log } = this.#deps;
		const last = commandLog.lastCommand;
		// With an empty log there is nothing to compare with: the manager's first one is the next.
		if (num > last + 1 && last > 0) {
			log('error', 'a command is missing', { last, num });
			this.#connection.restart();
			return;
		}
		if (num > last) {
			if (!(await this.#takeSurely({ num, command }))) return;
		}
		this.#connection.acknowledgeCommand(num);
	}

	/** False when the runner ends before the command is durable here. */
	async #takeSurely(taken: TakenCommand): Promise<boolean> {
		const { commandLog, attachments, log } = this.#deps;
		const { command } = taken;
		for (;;) {
			if (this.#stopping || this.#connectionEnd) return false;
			try {
				if (command.type === 'message') await attachments.fetch(command.attachments ?? []);
				await commandLog.take(taken.num, taken.command);
				break;
			} catch (error) {
				log('error', 'cannot keep a command, trying again', { error: errorText(error) });
				await delay(TAKE_RETRY_MS);
			}
		}
		if (this.#agent) this.#agent.handle(taken);
		else this.#early.push(taken);
		return true;
	}

	#endConnection(reason: ConnectionEnd): void {
		this.#deps.log('warn', 'this runner is not wanted any more', { reason });
		this.#connectionEnd = reason;
		this.#welcome(null);
		this.#kill();
	}

	async #conclude(agent: Agent, exit: AgentExit): Promise<number> {
		const { outbox, log } = this.#deps;
		const { exitCode, signal, error } = exit;
		log('info', 'the agent ended', { exitCode, signal, error });
		const reason = this.#stopReason(agent, exit);
		if (reason !== 'fenced') {
			const n = this.#records.append('runner.stopped', { reason });
			const waitMs = reason === 'stop' ? STOP_MS.acknowledge : FINISH_ACKNOWLEDGE_MS;
			await within(waitMs, outbox.whenAcked(n));
		}
		const code = await this.close();
		return reason === 'agent_exited' ? EXIT.agentDied : code;
	}

	/** Writes what waits, and lets go. Resolves with the exit code. */
	async close(): Promise<number> {
		const { outbox, commandLog } = this.#deps;
		this.#stopWatching();
		this.#connection.close();
		await within(STOP_MS.acknowledge, outbox.close());
		await within(STOP_MS.acknowledge, commandLog.close());
		return this.#connectionEnd ? EXIT[this.#connectionEnd] : EXIT.ok;
	}

	#stopReason(agent: Agent, exit: AgentExit): StopReason {
		if (this.#connectionEnd) return 'fenced';
		if (this.#stopping) return 'stop';
		return agent.finishing && exit.exitCode === 0 ? 'finish' : 'agent_exited';
	}
}
