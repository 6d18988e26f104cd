/**
 * Drives the agent: one message a turn, every SDK message but the streaming ones into the outbox
 * unchanged, streaming ones as deltas. It reads no further while the outbox is full.
 */
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk/core';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { AgentExit, AgentProcess } from './agent-process.ts';
import type { Approvals } from './approvals.ts';
import type { Attachments } from './attachments.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Configuration, ConfigureCommand } from './configuration.ts';
import type { CommandLog, TakenCommand, TurnOutcome } from './command-log.ts';
import { errorText, type Log } from './log.ts';
import type { Outbox } from './outbox.ts';
import { isNote, NoteRun } from './note-run.ts';
import { PartialTracker } from './partial.ts';
import type { RunnerRecords } from './runner-records.ts';
import { OpenTools } from './open-tools.ts';

const TYPE_MAX_CHARS = 200;

type MessageCommand = Extract<TakenCommand['command'], { type: 'message' }>;

interface QueuedMessage {
	num: number;
	commandId: string;
	text: string;
	attachments: Attachment[];
	announced: boolean;
}

/** Given to the agent in a turn; it has not said yet what became of it. */
interface SteeredMessage {
	num: number;
	commandId: string;
	attachments: Attachment[];
}

interface Turn {
	/** Null when the agent began the turn by itself. */
	num: number | null;
	commandId: string;
	attachments: Attachment[];
	/** What the agent said of our message: it may be busy with a turn of its own. */
	lifecycle: 'unknown' | 'queued' | 'started';
	interrupted: boolean;
	seen: boolean;
}

export interface AgentDeps {
	process: AgentProcess;
	outbox: Outbox;
	records: RunnerRecords;
	commandLog: CommandLog;
	approvals: Approvals;
	configuration: Configuration;
	attachments: Attachments;
	checkpoints: Checkpoints;
	/** A delta, and the record that it must not overtake. */
	onDelta: (afterN: number, delta: Delta) => void;
	/** Anything has come from it. */
	onHeard: () => void;
	/** It waits for the outbox, or waits no more. */
	onHeldUp: (heldUp: boolean) => void;
	/** The agent goes on under another conversation id. */
	onConversation: (conversationId: string) => void;
	newId: () => string;
	log: Log;
}

export class Agent {
	readonly #deps: AgentDeps;
	readonly #partials = new PartialTracker();
	readonly #tools = new OpenTools();
	readonly #notes = new NoteRun();
	readonly #queue: QueuedMessage[] = [];
	readonly #steered: SteeredMessage[] = [];
	#turn: Turn | null = null;
	#conversationId: string;
	#finishing: TakenCommand | null = null;
	#held = false;
	/** Changes on their way to the agent. */
	#configuring = 0;
	/** The files are being kept as they are. */
	#keeping = false;
	/** A tool was called since they were last kept. */
	#touched = false;
	#idleWaiters: (() => void)[] = [];

	constructor(deps: AgentDeps) {
		this.#deps = deps;
		this.#conversationId = deps.process.conversationId;
	}

	get turnOpen(): boolean {
		return this.#turn !== null;
	}

	/** Tool calls whose result has not come. */
	get openTools(): number {
		return this.#tools.count;
	}

	/** What is being said right now. */
	partials(): PartialMessage[] {
		return this.#partials.snapshot();
	}

	/** Reads the agent's messages until it ends. Never throws. */
	async run(): Promise<AgentExit> {
		let error: string | null = null;
		try {
			for await (const message of this.#deps.process.query) {
				this.#take(message as unknown as JsonObject);
				await this.#waitForRoom();
			}
		} catch (thrown) {
			error = errorText(thrown);
		}
		const exit = await this.#deps.process.exited;
		this.#conclude(exit);
		return { ...exit, error: exit.error ?? error };
	}

	/** It was asked to finish, and will. */
	get finishing(): boolean {
		return this.#finishing !== null;
	}

	/**
	 * Does what was asked. The command is in the log already; this notes when it is done. `announced`:
	 * the `runner.turn_started` of a message is in the outbox, because an earlier runner died at its push.
	 */
	handle({ num, command }: TakenCommand, announced = false): void {
		const { approvals, commandLog, log } = this.#deps;
		switch (command.type) {
			case 'message':
				if (command.steer && this.#turn && !this.#held) this.#steer(num, command);
				else this.#enqueue(num, command, announced);
				return;
			case 'interrupt':
				this.interrupt();
				break;
			case 'decide':
				if (!approvals.decide(command)) {
					log('info', 'decided on a request that is not open', { requestId: command.requestId });
				}
				break;
			case 'configure':
				void this.#configure(num, command);
				return;
			case 'finish':
				this.#finishing = { num, command };
				this.#next();
				return;
		}
		commandLog.note({ step: 'done', num });
	}

	#enqueue(num: number, command: MessageCommand, announced: boolean): void {
		const { commandId, text, attachments = [] } = command;
		this.#queue.push({ num, commandId, text, attachments, announced });
		this.#next();
	}

	/** What is said after a change is said to the agent as it was changed. */
	async #configure(num: number, command: ConfigureCommand): Promise<void> {
		this.#configuring += 1;
		await this.#deps.configuration.apply(command);
		this.#configuring -= 1;
		this.#deps.commandLog.note({ step: 'done', num });
		this.#next();
	}

	/** Keeps the files as they are between two turns; the next one begins after that. */
	async keepFiles(): Promise<void> {
		if (this.#keeping || this.#held) return;
		const { checkpoints } = this.#deps;
		if (!this.#touched && checkpoints.repeat()) return;
		this.#touched = false;
		this.#keeping = true;
		await checkpoints.take();
		this.#keeping = false;
		this.#next();
	}

	/** Stops the turn that is open, if any; the agent stays. What was steered too late begins the next one. */
	interrupt(): void {
		if (!this.#turn) return;
		this.#turn.interrupted = true;
		// Held, it shall begin no other turn. The SDK's types do not know the option yet.
		const query: { interrupt(options?: { cancelQueued: boolean }): Promise<unknown> } =
			this.#deps.process.query;
		query.interrupt({ cancelQueued: this.#held }).catch((error: unknown) => {
			this.#deps.log('warn', 'the agent did not take the interrupt', { error: errorText(error) });
		});
	}

	/** Lets no further message in; they stay in the log for the next runner. */
	hold(): void {
		this.#held = true;
	}

	/** Resolves when no turn is open. */
	idle(): Promise<void> {
		if (!this.#turn) return Promise.resolve();
		return new Promise((resolve) => this.#idleWaiters.push(resolve));
	}

	/** Ends the agent's input: it exits by itself. */
	closeInput(): void {
		this.#deps.process.input.close();
	}

	/** The agent may say no more than the outbox can keep. */
	async #waitForRoom(): Promise<void> {
		const room = this.#deps.outbox.room();
		if (!room) return;
		const { process, log, onHeldUp } = this.#deps;
		log('warn', 'the outbox is full, the agent waits');
		process.pause();
		onHeldUp(true);
		await room;
		onHeldUp(false);
		process.resume();
	}

	#next(): void {
		// What was steered and came too late begins the next turn, by the agent's own doing.
		if (this.#turn || this.#held || this.#configuring > 0 || this.#steered.length > 0) return;
		if (this.#queue.length > 0 && this.#deps.checkpoints.isStale) void this.keepFiles();
		if (this.#keeping) {
			if (this.#queue.length > 0) this.#deps.checkpoints.hurry();
			return;
		}
		const message = this.#queue.shift();
		if (message) return this.#begin(message);
		if (this.#finishing) {
			this.#deps.commandLog.note({ step: 'done', num: this.#finishing.num });
			this.closeInput();
		}
	}

	#begin({ num, announced, ...said }: QueuedMessage): void {
		const { commandId, attachments } = said;
		this.#open({ num, commandId, attachments }, announced);
		this.#say(said);
	}

	/**
	 * Into the turn that runs: the agent reads it before its next call of the model. When there is none any more,
	 * it begins a turn with it. Which of the two it is, it tells by when it starts with the message.
	 */
	#steer(num: number, { commandId, text, attachments = [] }: MessageCommand): void {
		this.#steered.push({ num, commandId, attachments });
		this.#say({ commandId, text, attachments });
	}

	#say({ commandId, text, attachments }: Omit<QueuedMessage, 'num' | 'announced'>): void {
		const message: SDKUserMessage = {
			type: 'user',
			uuid: commandId as NonNullable<SDKUserMessage['uuid']>,
			session_id: this.#conversationId,
			parent_tool_use_id: null,
			message: {
				role: 'user',
				content: this.#deps.attachments.contentOf(text, attachments)
			}
		};
		this.#deps.process.input.push(message);
	}

	#open(
		message: Pick<Turn, 'num' | 'commandId' | 'attachments'>,
		announced: boolean,
		lifecycle: Turn['lifecycle'] = 'unknown'
	): void {
		const { commandId } = message;
		this.#turn = { ...message, lifecycle, interrupted: false, seen: false };
		// One that the agent begins by itself waits for nothing.
		this.#deps.checkpoints.giveUp();
		if (announced) return;
		// The agent's own first words follow, and until then no write is in the way of its start.
		const n = this.#deps.records.append('runner.turn_started', { commandId }, false);
		this.#deps.commandLog.note({ step: 'turn_started', commandId, n });
	}

	#take(message: JsonObject): void {
		const { outbox, onHeard } = this.#deps;
		onHeard();
		if (message.type === 'stream_event') {
			const delta = this.#partials.stream(message);
			if (delta) this.#deps.onDelta(this.#notes.before(outbox.lastN), delta);
			return;
		}
		if (message.type === 'system' && message.subtype === 'init') this.#turnRuns(message);
		const note = isNote(message);
		const n = outbox.append('claude', recordType(message), message, !note);
		if (note) this.#notes.take(n);
		switch (message.type) {
			case 'assistant':
				this.#partials.complete(message);
				this.#tools.take(message);
				this.#touched ||= this.#tools.count > 0;
				return;
			case 'user':
				this.#tools.take(message);
				return;
			case 'command_lifecycle':
				this.#followLifecycle(message);
				return;
			case 'result':
				// A result while our message still waits is of a turn the agent began by itself.
				if (this.#turn?.lifecycle !== 'queued') this.#end(outcomeOf(message, this.#turn));
		}
	}

	/** `init` comes at the start of every turn. */
	#turnRuns(message: JsonObject): void {
		if (!this.#turn) {
			this.#open({ num: null, commandId: this.#deps.newId(), attachments: [] }, false);
		}
		const turn = this.#turn;
		if (turn && !turn.seen && turn.lifecycle !== 'queued') {
			turn.seen = true;
			this.#deps.commandLog.note({ step: 'turn_seen', commandId: turn.commandId });
		}
		const id = message.session_id;
		if (typeof id === 'string' && id !== this.#conversationId) {
			this.#conversationId = id;
			this.#deps.onConversation(id);
		}
	}

	#followLifecycle(message: JsonObject): void {
		const steered = this.#steered.find(({ commandId }) => commandId === message.command_uuid);
		if (steered) return this.#followSteered(steered, message.state);
		const turn = this.#turn;
		if (!turn || message.command_uuid !== turn.commandId) return;
		if (message.state === 'queued' || message.state === 'started') turn.lifecycle = message.state;
		// Some commands have no result.
		else if (message.state === 'completed') this.#end('completed');
	}

	#followSteered(steered: SteeredMessage, state: unknown): void {
		if (state === 'queued') return;
		const { num, commandId, attachments } = steered;
		const { records, commandLog } = this.#deps;
		this.#steered.splice(this.#steered.indexOf(steered), 1);
		// It stays in the log for the next runner.
		if (state === 'cancelled' && this.#held) return;
		if (state === 'started' && !this.#turn) {
			this.#open(steered, false, 'started');
			return;
		}
		if (state === 'started') {
			const n = records.append('runner.message_steered', { commandId });
			commandLog.note({ step: 'steered', commandId, n });
		} else {
			const message = 'The agent put this message away when its turn was interrupted.';
			records.append('runner.command_unknown_outcome', { commandId, message });
		}
		commandLog.note({ step: 'done', num });
		this.#deps.attachments.forget(attachments);
		this.#next();
	}

	#end(outcome: TurnOutcome): void {
		const turn = this.#turn;
		this.#partials.clear();
		this.#tools.clear();
		if (!turn) return;
		this.#turn = null;
		const { commandId, num } = turn;
		const n = this.#deps.records.append('runner.turn_ended', { commandId, outcome });
		this.#deps.commandLog.note({ step: 'turn_ended', commandId, n, outcome });
		if (num !== null) this.#deps.commandLog.note({ step: 'done', num });
		this.#deps.attachments.forget(turn.attachments);
		for (const resolve of this.#idleWaiters.splice(0)) resolve();
		void this.keepFiles();
		this.#next();
	}

	/** The process is gone: what was being said is kept, what was open is closed. */
	#conclude(exit: AgentExit): void {
		this.#held = true;
		const { records, approvals, process } = this.#deps;
		approvals.withdrawAll();
		for (const { messageId, blocks } of this.#partials.snapshot()) {
			records.append('runner.partial', { messageId, blocks });
		}
		if (this.#turn) this.#end(this.#turn.interrupted ? 'interrupted' : 'failed');
		const error = exit.error ?? (exit.signal === null ? null : `ended by ${exit.signal}`);
		const { exitCode } = exit;
		records.append('runner.agent_exited', { exitCode, error, stderr: process.stderr() });
	}
}

/** `claude.<type>` or `claude.<type>.<subtype>`, also for types this program does not know. */
const recordType = ({ type, subtype }: JsonObject): string => {
	const name = typeof subtype === 'string' && subtype !== '' ? `${type}.${subtype}` : String(type);
	return `claude.${name}`.slice(0, TYPE_MAX_CHARS);
};

const outcomeOf = (result: JsonObject, turn: Turn | null): TurnOutcome => {
	const reason = typeof result.terminal_reason === 'string' ? result.terminal_reason : '';
	if (reason.startsWith('aborted')) return 'interrupted';
	if (result.subtype === 'success' && result.is_error !== true) return 'completed';
	return turn?.interrupted ? 'interrupted' : 'failed';
};
