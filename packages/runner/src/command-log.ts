/**
 * What the manager asked for and how far it came, in `<session folder>/commands.log` (the outbox's
 * codec). A command is durable here before it is acknowledged; the steps after that are written
 * without waiting, since a killed runner leaves them in the page cache, and after a power cut the
 * agent's own conversation says what was done.
 *
 * A step that goes along with an outbox record names that record's `n`: a new runner knows by it
 * whether the record was made.
 */
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runnerCommandSchema, type RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import * as z from 'zod';
import { encodeRecords } from './outbox-codec.ts';
import { openSegmentFile, type SegmentFile } from './outbox-storage.ts';
import { openSegmentReader } from './segment-reader.ts';

export const turnOutcomeSchema = z.enum(['completed', 'failed', 'interrupted', 'unknown']);
export type TurnOutcome = z.infer<typeof turnOutcomeSchema>;

const count = z.int().min(0);

const entrySchema = z.discriminatedUnion('step', [
	/** First entry after a compaction: commands up to `num` were taken. */
	z.object({ step: z.literal('base'), num: count }),
	z.object({ step: z.literal('taken'), num: count, command: runnerCommandSchema }),
	/** Nothing is left to do for it. */
	z.object({ step: z.literal('done'), num: count }),
	/** A turn began: `n` is its `runner.turn_started`. `num` null: the agent began it by itself. */
	z.object({ step: z.literal('turn_started'), commandId: z.string(), n: count }),
	/** The agent was seen at work on it. */
	z.object({ step: z.literal('turn_seen'), commandId: z.string() }),
	/** It went into the turn that ran: `n` is its `runner.message_steered`. */
	z.object({ step: z.literal('steered'), commandId: z.string(), n: count }),
	z.object({
		step: z.literal('turn_ended'),
		commandId: z.string(),
		n: count,
		outcome: turnOutcomeSchema
	}),
	z.object({ step: z.literal('asked'), requestId: z.string(), n: count }),
	z.object({
		step: z.literal('resolved'),
		requestId: z.string(),
		n: count,
		outcome: z.enum(['allowed', 'denied', 'withdrawn'])
	})
]);
type Entry = z.infer<typeof entrySchema>;

export interface TakenCommand {
	num: number;
	command: RunnerCommand;
}

export interface TurnTrace {
	commandId: string;
	/** Outbox number of its `runner.turn_started`. */
	startedN: number;
	seen: boolean;
	ended: { n: number; outcome: TurnOutcome } | null;
}

export interface RequestTrace {
	requestId: string;
	askedN: number;
	resolved: { n: number; outcome: 'allowed' | 'denied' | 'withdrawn' } | null;
}

export interface SteerTrace {
	commandId: string;
	n: number;
}

/** What an earlier runner left. Of turns and requests only those whose end may not be told yet. */
export interface CommandTrace {
	lastCommand: number;
	/** Taken and not done, in order. */
	open: TakenCommand[];
	turns: TurnTrace[];
	steered: SteerTrace[];
	requests: RequestTrace[];
}

/** Folds one entry into the trace. */
const apply = (trace: CommandTrace, entry: Entry): void => {
	switch (entry.step) {
		case 'base':
			trace.lastCommand = Math.max(trace.lastCommand, entry.num);
			return;
		case 'taken':
			if (entry.num <= trace.lastCommand && trace.open.some((it) => it.num === entry.num)) return;
			trace.lastCommand = Math.max(trace.lastCommand, entry.num);
			trace.open.push({ num: entry.num, command: entry.command });
			return;
		case 'done':
			trace.open = trace.open.filter((it) => it.num !== entry.num);
			return;
		case 'turn_started':
			trace.turns = trace.turns.filter((it) => it.commandId !== entry.commandId);
			trace.turns.push({ commandId: entry.commandId, startedN: entry.n, seen: false, ended: null });
			return;
		case 'steered':
			trace.steered.push({ commandId: entry.commandId, n: entry.n });
			return;
		case 'turn_seen':
		case 'turn_ended': {
			const turn = trace.turns.find((it) => it.commandId === entry.commandId);
			if (turn) turn.seen = true;
			if (turn && entry.step === 'turn_ended') {
				turn.ended = { n: entry.n, outcome: entry.outcome };
			}
			return;
		}
		case 'asked':
			trace.requests.push({ requestId: entry.requestId, askedN: entry.n, resolved: null });
			return;
		case 'resolved': {
			const request = trace.requests.find((it) => it.requestId === entry.requestId);
			if (request) request.resolved = { n: entry.n, outcome: entry.outcome };
		}
	}
};

/** The shortest log that folds to the same trace, less what the outbox has told already. */
const compact = (trace: CommandTrace, lastN: number): Entry[] => {
	const entries: Entry[] = [{ step: 'base', num: trace.lastCommand }];
	for (const { num, command } of trace.open) entries.push({ step: 'taken', num, command });
	for (const { commandId, startedN, seen, ended } of trace.turns) {
		if (ended && ended.n <= lastN) continue;
		entries.push({ step: 'turn_started', commandId, n: startedN });
		if (seen) entries.push({ step: 'turn_seen', commandId });
		if (ended) entries.push({ step: 'turn_ended', commandId, ...ended });
	}
	for (const { commandId, n } of trace.steered) {
		const isDone = trace.open.every(({ command }) => command.commandId !== commandId);
		if (n > lastN || !isDone) entries.push({ step: 'steered', commandId, n });
	}
	for (const { requestId, askedN, resolved } of trace.requests) {
		if (resolved && resolved.n <= lastN) continue;
		entries.push({ step: 'asked', requestId, n: askedN });
		if (resolved) entries.push({ step: 'resolved', requestId, ...resolved });
	}
	return entries;
};

const encode = (entries: readonly Entry[]): Buffer =>
	encodeRecords(entries.map((entry) => Buffer.from(JSON.stringify(entry))));

const readTrace = async (path: string): Promise<CommandTrace> => {
	const trace: CommandTrace = { lastCommand: 0, open: [], turns: [], steered: [], requests: [] };
	const reader = await openSegmentReader(path).catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return null;
		throw error;
	});
	if (!reader) return trace;
	try {
		for (let json = await reader.next(); json !== null; json = await reader.next()) {
			const parsed = entrySchema.safeParse(JSON.parse(json.toString()));
			if (parsed.success) apply(trace, parsed.data);
		}
	} finally {
		await reader.close();
	}
	return trace;
};

export class CommandLog {
	readonly #file: SegmentFile;
	#bytes: number;
	#turn: Promise<unknown> = Promise.resolve();
	#lastCommand: number;
	/** As it was when the log was opened. */
	readonly found: CommandTrace;

	private constructor(file: SegmentFile, bytes: number, found: CommandTrace) {
		this.#file = file;
		this.#bytes = bytes;
		this.#lastCommand = found.lastCommand;
		this.found = found;
	}

	/** `lastN`: newest durable record of the outbox. */
	static async open(path: string, lastN: number): Promise<CommandLog> {
		await mkdir(dirname(path), { recursive: true });
		const found = await readTrace(path);
		const bytes = encode(compact(found, lastN));
		const file = await openSegmentFile(`${path}.new`);
		await file.truncate(0);
		await file.write(bytes, 0);
		await file.datasync();
		await rename(`${path}.new`, path);
		return new CommandLog(file, bytes.length, found);
	}

	/** Newest command that was taken. */
	get lastCommand(): number {
		return this.#lastCommand;
	}

	/** Durable when it resolves. Throws what the disk throws: then it was not taken. */
	async take(num: number, command: RunnerCommand): Promise<void> {
		await this.#append({ step: 'taken', num, command }, true);
		this.#lastCommand = num;
	}

	/** Written soon, in order; an error shows at the next `take`. */
	note(entry: Exclude<Entry, { step: 'base' | 'taken' }>): void {
		void this.#append(entry, false).catch(() => undefined);
	}

	async close(): Promise<void> {
		await this.#turn;
		await this.#file.close();
	}

	#append(entry: Entry, sync: boolean): Promise<void> {
		const done = this.#turn.then(async () => {
			const bytes = encode([entry]);
			try {
				let written = 0;
				while (written < bytes.length) {
					written += await this.#file.write(bytes.subarray(written), this.#bytes + written);
				}
				if (sync) await this.#file.datasync();
			} catch (error) {
				await this.#file.truncate(this.#bytes).catch(() => undefined);
				throw error;
			}
			this.#bytes += bytes.length;
		});
		this.#turn = done.catch(() => undefined);
		return done;
	}
}
