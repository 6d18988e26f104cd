/**
 * Keeps the worktree's files after each turn, so that a person can go back to before a prompt. It is made
 * between turns: the next one waits for it, but never long, and what it changes is no part of a checkpoint.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT_SCRIPT } from '@agent-manager/protocol/checkpoint-script.ts';
import { errorText, type Log } from './log.ts';
import type { RunnerRecords } from './runner-records.ts';

/** A worktree that takes longer has no checkpoints. */
const TAKE_MS = 30_000;
/** So long a message may wait for one. */
const HURRY_MS = 5_000;

export interface CheckpointsDeps {
	worktree: string;
	records: RunnerRecords;
	/** Of the program that makes one. */
	env: Record<string, string>;
	log: Log;
}

/** Where HEAD is, read without git: it is looked at before each turn. */
const readHead = (worktree: string): string => {
	const read = (name: string): string => {
		try {
			return readFileSync(join(worktree, '.git', name), 'utf8').trim();
		} catch {
			return '';
		}
	};
	const head = read('HEAD');
	const ref = /^ref: (refs\/heads\/\S+)$/.exec(head)?.[1];
	return ref === undefined || ref.includes('..') ? head : `${head} ${read(ref)}`;
};

export class Checkpoints {
	readonly #deps: CheckpointsDeps;
	#taking: { done: Promise<void>; abort: AbortController } | null = null;
	#hurry: NodeJS.Timeout | null = null;
	#head: string | null = null;
	#newest: { commit: string; leftOut: number } | null = null;

	constructor(deps: CheckpointsDeps) {
		this.#deps = deps;
	}

	/** A commit was made, or taken back, since the last one: by a person, for the agent was idle. */
	get isStale(): boolean {
		return this.#head !== null && this.#head !== readHead(this.#deps.worktree);
	}

	/** After a turn without a tool the files are those of before it; false when that is not known. */
	repeat(): boolean {
		if (this.#taking || this.#newest === null || this.isStale) return false;
		const payload = { ...this.#newest, durationMs: 0 };
		this.#deps.records.append('runner.checkpointed', payload, false);
		return true;
	}

	/** Resolves when it is made or given up; never rejects. */
	take(): Promise<void> {
		if (this.#taking) return this.#taking.done;
		const abort = new AbortController();
		const done = this.#make(abort.signal).finally(() => {
			this.#taking = null;
			if (this.#hurry) clearTimeout(this.#hurry);
			this.#hurry = null;
		});
		this.#taking = { done, abort };
		return done;
	}

	/** Somebody waits for it. */
	hurry(): void {
		if (!this.#taking) return;
		this.#hurry ??= setTimeout(() => this.giveUp(), HURRY_MS);
	}

	/** What is on its way would show files that change. */
	giveUp(): void {
		this.#taking?.abort.abort();
	}

	async #make(signal: AbortSignal): Promise<void> {
		const { worktree, records, env, log } = this.#deps;
		const beganMs = performance.now();
		this.#head = readHead(worktree);
		this.#newest = null;
		try {
			const said = await run(['-c', CHECKPOINT_SCRIPT, 'checkpoint', worktree], env, signal);
			const [, commit, leftOut] = /^([0-9a-f]{40,64}) (\d+)\n$/.exec(said) ?? [];
			if (commit === undefined || signal.aborted) throw new Error('it was cut off');
			this.#newest = { commit, leftOut: Number(leftOut) };
			const durationMs = Math.round(performance.now() - beganMs);
			records.append(
				'runner.checkpointed',
				{ commit, leftOut: Number(leftOut), durationMs },
				false
			);
		} catch (error) {
			log('warn', 'the files were not kept', { error: errorText(error) });
		}
	}
}

const run = (args: string[], env: Record<string, string>, signal: AbortSignal): Promise<string> =>
	new Promise((resolve, reject) => {
		execFile('sh', args, { env, signal, timeout: TAKE_MS }, (error, stdout, stderr) => {
			if (error) reject(new Error(`${error.message.split('\n')[0]} ${stderr.slice(-500)}`));
			else resolve(stdout);
		});
	});
