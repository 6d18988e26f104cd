/**
 * What is being said right now in each session, folded from deltas, so that somebody who comes late
 * sees it too. Lossy like the deltas: the runner has the truth and sends it whole when it connects.
 */
import type { Delta, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';

interface Growing {
	parentToolUseId: string | null;
	blocks: Map<number, PartialMessage['blocks'][number]>;
}

export class Partials {
	readonly #messages = new Map<string, Growing>();

	/** False when the piece does not continue what is known: a hole. */
	apply(delta: Delta): boolean {
		const message = this.#messages.get(delta.messageId) ?? {
			parentToolUseId: delta.parentToolUseId,
			blocks: new Map<number, PartialMessage['blocks'][number]>()
		};
		this.#messages.set(delta.messageId, message);
		const block = message.blocks.get(delta.block);
		const length = block?.text.length ?? 0;
		if (delta.offset !== length) return false;
		message.blocks.set(delta.block, {
			block: delta.block,
			kind: delta.kind,
			text: (block?.text ?? '') + delta.text,
			...(delta.tool ? { tool: delta.tool } : block?.tool ? { tool: block.tool } : {})
		});
		return true;
	}

	replace(partials: readonly PartialMessage[]): void {
		this.#messages.clear();
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
				this.#messages.clear();
			}
			if (type !== 'claude.assistant') continue;
			const id = (payload.message as { id?: unknown } | null | undefined)?.id;
			if (typeof id === 'string') this.#dropOldest(id);
		}
	}

	clear(): void {
		this.#messages.clear();
	}

	list(): PartialMessage[] {
		return [...this.#messages].flatMap(([messageId, { parentToolUseId, blocks }]) =>
			blocks.size === 0
				? []
				: [{ messageId, parentToolUseId, blocks: [...blocks.values()].sort((a, b) => a.block - b.block) }]
		);
	}

	#dropOldest(messageId: string): void {
		const message = this.#messages.get(messageId);
		if (!message) return;
		const oldest = Math.min(...message.blocks.keys());
		message.blocks.delete(oldest);
		if (message.blocks.size === 0) this.#messages.delete(messageId);
	}
}
