import type { JsonObject } from '@agent-manager/protocol/json.ts';

/** Counts the tool calls that have no result yet, sub-agents' calls included. */
export class OpenTools {
	readonly #ids = new Set<string>();

	get count(): number {
		return this.#ids.size;
	}

	/** Takes a complete `assistant` or `user` message of the SDK. */
	take(message: JsonObject): void {
		const content = (message.message as { content?: unknown } | undefined)?.content;
		if (!Array.isArray(content)) return;
		for (const block of content as { type?: unknown; id?: unknown; tool_use_id?: unknown }[]) {
			if (block.type === 'tool_use' && typeof block.id === 'string') this.#ids.add(block.id);
			if (block.type === 'tool_result') this.#ids.delete(String(block.tool_use_id));
		}
	}

	/** The turn is over. */
	clear(): void {
		this.#ids.clear();
	}
}
