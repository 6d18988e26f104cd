/**
 * Gathers the deltas of one tick of the event loop into one frame. The SDK hands over all messages of
 * one read of the agent's pipe in the same tick, so a stream at full speed becomes few frames while
 * a single delta leaves at once: the batch is sent as soon as nothing more can be added to it.
 */
import type { Delta } from '@agent-manager/protocol/delta.ts';

export interface DeltaBatch {
	/** `afterN`: the newest record before the delta. */
	add(afterN: number, delta: Delta): void;
	/** Sends what there is now: before a record that must not overtake it. */
	flush(): void;
}

const continues = (last: Delta, next: Delta): boolean =>
	last.block === next.block &&
	last.kind === next.kind &&
	last.messageId === next.messageId &&
	last.parentToolUseId === next.parentToolUseId &&
	last.offset + last.text.length === next.offset;

export const createDeltaBatch = (send: (afterN: number, deltas: Delta[]) => void): DeltaBatch => {
	let deltas: Delta[] = [];
	let batchAfterN = 0;
	let scheduled = false;

	const flush = (): void => {
		if (deltas.length === 0) return;
		const batch = deltas;
		deltas = [];
		send(batchAfterN, batch);
	};
	const flushScheduled = (): void => {
		scheduled = false;
		flush();
	};

	return {
		add(afterN, delta) {
			if (afterN !== batchAfterN) flush();
			batchAfterN = afterN;
			const last = deltas.at(-1);
			if (last && continues(last, delta)) last.text += delta.text;
			else deltas.push(delta);
			if (!scheduled) {
				scheduled = true;
				process.nextTick(flushScheduled);
			}
		},
		flush
	};
};
