/**
 * What the model is saying right now: turns the SDK's `stream_event`s into deltas, and holds the
 * partial messages that a viewer needs who comes in the middle. A block is dropped as soon as its
 * complete assistant message passed, since from then on the log has it.
 *
 * The SDK sends one assistant message for each content block, right before the block's stop, all
 * with the id of the message that `message_start` named. Sub-agents stream side by side; each is
 * known by the call it belongs to.
 */
import type { Delta, DeltaKind, PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';

interface Block {
	block: number;
	kind: DeltaKind;
	text: string;
	tool?: { id: string; name: string };
}

interface Message {
	messageId: string;
	parentToolUseId: string | null;
	blocks: Block[];
}

/** The parts of a `stream_event`'s event that matter here; the rest is the API's business. */
interface StreamEvent {
	type?: unknown;
	index?: unknown;
	message?: { id?: unknown };
	content_block?: {
		type?: unknown;
		id?: unknown;
		name?: unknown;
		text?: unknown;
		thinking?: unknown;
	};
	delta?: { type?: unknown; text?: unknown; thinking?: unknown; partial_json?: unknown };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export class PartialTracker {
	/** By the call they belong to; the main conversation's is under null. */
	readonly #messages = new Map<string | null, Message>();

	/** Takes one `stream_event` message of the SDK. Gives the delta it means, or null. */
	stream(message: JsonObject): Delta | null {
		const event = message.event as StreamEvent | undefined;
		const parent = (message.parent_tool_use_id ?? null) as string | null;
		switch (event?.type) {
			case 'content_block_delta':
				return this.#grow(parent, event);
			case 'content_block_start':
				return this.#begin(parent, event);
			case 'message_start':
				this.#messages.set(parent, {
					messageId: textOf(event.message?.id),
					parentToolUseId: parent,
					blocks: []
				});
				return null;
			case 'message_stop':
				this.#messages.delete(parent);
				return null;
			default:
				return null;
		}
	}

	/** Takes a complete `assistant` message: the block it carries is a partial no more. */
	complete(message: JsonObject): void {
		const parent = (message.parent_tool_use_id ?? null) as string | null;
		const body = message.message as { id?: unknown; content?: unknown } | undefined;
		const open = this.#messages.get(parent);
		if (!open || open.messageId !== body?.id) return;
		const content = Array.isArray(body.content) ? (body.content as { id?: unknown }[]) : [];
		for (const { id } of content) {
			const at = id === undefined ? 0 : open.blocks.findIndex((block) => block.tool?.id === id);
			if (at >= 0) open.blocks.splice(at, 1);
		}
	}

	/** The turn is over: nothing is being said any more. */
	clear(): void {
		this.#messages.clear();
	}

	/** All there is so far; messages without any block are left out. */
	snapshot(): PartialMessage[] {
		const partials: PartialMessage[] = [];
		for (const { messageId, parentToolUseId, blocks } of this.#messages.values()) {
			if (blocks.length === 0) continue;
			partials.push({ messageId, parentToolUseId, blocks: blocks.map((block) => ({ ...block })) });
		}
		return partials;
	}

	#begin(parent: string | null, event: StreamEvent): Delta | null {
		const open = this.#messages.get(parent);
		const started = event.content_block;
		if (!open || !started || typeof event.index !== 'number') return null;
		const block = newBlock(event.index, started);
		if (!block) return null;
		open.blocks.push(block);
		// An empty text says nothing; a tool's name is worth showing before its input comes.
		if (block.text === '' && !block.tool) return null;
		return deltaOf(open, block, 0, block.text);
	}

	#grow(parent: string | null, event: StreamEvent): Delta | null {
		const open = this.#messages.get(parent);
		const block = open?.blocks.findLast((it) => it.block === event.index);
		if (!open || !block) return null;
		const { delta } = event;
		const added =
			block.kind === 'text'
				? textOf(delta?.text)
				: block.kind === 'thinking'
					? textOf(delta?.thinking)
					: textOf(delta?.partial_json);
		if (added === '') return null;
		const offset = block.text.length;
		block.text += added;
		return deltaOf(open, block, offset, added);
	}
}

const newBlock = (
	block: number,
	started: NonNullable<StreamEvent['content_block']>
): Block | null => {
	if (started.type === 'text') return { block, kind: 'text', text: textOf(started.text) };
	if (started.type === 'thinking')
		return { block, kind: 'thinking', text: textOf(started.thinking) };
	if (typeof started.type === 'string' && started.type.endsWith('tool_use')) {
		const tool = { id: textOf(started.id), name: textOf(started.name) };
		return { block, kind: 'tool_input', text: '', tool };
	}
	return null;
};

const deltaOf = (message: Message, block: Block, offset: number, text: string): Delta => {
	const { messageId, parentToolUseId } = message;
	const delta: Delta = {
		messageId,
		block: block.block,
		kind: block.kind,
		offset,
		text,
		parentToolUseId
	};
	if (block.tool) delta.tool = block.tool;
	return delta;
};
