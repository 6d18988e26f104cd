/**
 * What is being said right now in each session, folded from deltas, so that somebody who comes late
 * sees it too. Lossy like the deltas: the runner has the truth and sends it whole when it connects.
 */
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';

type Block = PartialMessage['blocks'][number];

interface Growing {
	parentToolUseId: string | null;
	blocks: Map<number, Block>;
}

/** Characters kept of what one session says at once. A sandbox can't make the manager hold more. */
const MAX_LENGTH = 8_000_000;
/** What a block without any text is counted as. */
const BLOCK_LENGTH = 100;

/** What it costs to keep a block: its text, and the names that come with it. */
const lengthOf = (messageId: string, { text, tool }: Block): number =>
	BLOCK_LENGTH + messageId.length + text.length + (tool ? tool.id.length + tool.name.length : 0);

export class Partials {
	readonly #messages = new Map<string, Growing>();
	#length = 0;
	/** Too much was said at once: nothing more is kept until it is stored. */
	#full = false;

	/** `hole`: the piece does not continue what is known. `full`: it is not kept. */
	apply(delta: Delta): 'ok' | 'hole' | 'full' {
		if (this.#full) return 'full';
		const message = this.#messages.get(delta.messageId);
		const block = message?.blocks.get(delta.block);
		if (delta.offset !== (block?.text.length ?? 0)) return 'hole';
		const tool = delta.tool ?? block?.tool;
		const grown: Block = {
			block: delta.block,
			kind: delta.kind,
			text: (block?.text ?? '') + delta.text,
			...(tool ? { tool } : {})
		};
		const before = block ? lengthOf(delta.messageId, block) : 0;
		const length = this.#length - before + lengthOf(delta.messageId, grown);
		if (length > MAX_LENGTH) {
			this.clear();
			this.#full = true;
			return 'full';
		}
		const growing: Growing = message ?? {
			parentToolUseId: delta.parentToolUseId,
			blocks: new Map<number, Block>()
		};
		this.#messages.set(delta.messageId, growing);
		this.#length = length;
		growing.blocks.set(delta.block, grown);
		return 'ok';
	}

	replace(partials: readonly PartialMessage[]): void {
		this.clear();
		let length = 0;
		for (const { messageId, blocks } of partials) {
			for (const block of blocks) length += lengthOf(messageId, block);
		}
		if (length > MAX_LENGTH) {
			this.#full = true;
			return;
		}
		this.#length = length;
		for (const { messageId, parentToolUseId, blocks } of partials) {
			this.#messages.set(messageId, {
				parentToolUseId,
				blocks: new Map(blocks.map((block) => [block.block, block]))
			});
		}
	}

	/** Stored events take the place of what they were told by. */
	settle(events: readonly SessionEvent[]): void {
		for (const { source, type, payload } of events) {
			if (source === 'runner' && (type === 'runner.turn_ended' || type === 'runner.partial')) {
				this.clear();
			}
			if (source !== 'claude' || type !== 'claude.assistant') continue;
			const id = (payload.message as { id?: unknown } | null | undefined)?.id;
			if (typeof id === 'string') this.#dropOldest(id);
		}
	}

	clear(): void {
		this.#messages.clear();
		this.#length = 0;
		this.#full = false;
	}

	list(): PartialMessage[] {
		return [...this.#messages].flatMap(([messageId, { parentToolUseId, blocks }]) =>
			blocks.size === 0
				? []
				: [
						{
							messageId,
							parentToolUseId,
							blocks: [...blocks.values()].sort((a, b) => a.block - b.block)
						}
					]
		);
	}

	#dropOldest(messageId: string): void {
		const message = this.#messages.get(messageId);
		if (!message) return;
		let oldest = Infinity;
		for (const index of message.blocks.keys()) oldest = Math.min(oldest, index);
		const block = message.blocks.get(oldest);
		if (block) this.#length -= lengthOf(messageId, block);
		message.blocks.delete(oldest);
		if (message.blocks.size === 0) this.#messages.delete(messageId);
	}
}
