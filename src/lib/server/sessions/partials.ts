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

const lengthOf = (blocks: Iterable<Block>): number => {
	let length = 0;
	for (const { text } of blocks) length += text.length;
	return length;
};

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
		if (this.#length + delta.text.length > MAX_LENGTH) {
			this.clear();
			this.#full = true;
			return 'full';
		}
		const growing: Growing = message ?? {
			parentToolUseId: delta.parentToolUseId,
			blocks: new Map<number, Block>()
		};
		this.#messages.set(delta.messageId, growing);
		this.#length += delta.text.length;
		const tool = delta.tool ?? block?.tool;
		growing.blocks.set(delta.block, {
			block: delta.block,
			kind: delta.kind,
			text: (block?.text ?? '') + delta.text,
			...(tool ? { tool } : {})
		});
		return 'ok';
	}

	replace(partials: readonly PartialMessage[]): void {
		this.clear();
		const length = lengthOf(partials.flatMap(({ blocks }) => blocks));
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
		const oldest = Math.min(...message.blocks.keys());
		this.#length -= message.blocks.get(oldest)?.text.length ?? 0;
		message.blocks.delete(oldest);
		if (message.blocks.size === 0) this.#messages.delete(messageId);
	}
}
