/**
 * Which record a delta has to wait for. A record is told after it is on the disk here and committed
 * there; what Claude Code says of its own progress just before it speaks shows nowhere in a transcript,
 * so the first word need not wait for that, nor does it hurry.
 */
import type { JsonObject } from '@agent-manager/protocol/json.ts';

const NOTES = new Set([
	'command_lifecycle',
	'rate_limit_event',
	'tool_progress',
	'system status',
	'system thinking_tokens'
]);

/** Whether an SDK message shows nowhere in a transcript. */
export const isNote = ({ type, subtype }: JsonObject): boolean =>
	NOTES.has(type === 'system' ? `system ${String(subtype)}` : String(type));

export class NoteRun {
	/** Notes one after the other: the newest, and the record before the oldest. */
	#run: { lastN: number; beforeN: number } | null = null;

	/** Record `n` is a note. */
	take(n: number): void {
		if (this.#run?.lastN === n - 1) this.#run.lastN = n;
		else this.#run = { lastN: n, beforeN: n - 1 };
	}

	/** The newest record up to `lastN` that is no note, or one before it. */
	before(lastN: number): number {
		return this.#run?.lastN === lastN ? this.#run.beforeN : lastN;
	}
}
