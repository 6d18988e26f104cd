/**
 * Reads usage from an answer while it flows by. It sees each chunk after it was passed on, and only
 * parses the few events that carry usage, so it costs a text search for each delta.
 */
import { StringDecoder } from 'node:string_decoder';
import { z } from 'zod';
import { NO_USAGE, type ModelUsage, type TokenUsage } from './usage.ts';

export interface UsageTap {
	push(chunk: Buffer): void;
	/** What was seen; null when the answer carried no usage. */
	read(): ModelUsage | null;
}

/** More than this without an end of line is not a stream we understand. */
const MAX_LINE = 1024 * 1024;
const MAX_JSON = 8 * 1024 * 1024;

const count = z.int().min(0).nullish();
const usageSchema = z.object({
	input_tokens: count,
	output_tokens: count,
	cache_read_input_tokens: count,
	cache_creation_input_tokens: count
});
const eventSchema = z.object({
	type: z.string(),
	message: z.object({ model: z.string(), usage: usageSchema }).nullish(),
	usage: usageSchema.nullish()
});
const bodySchema = z.object({ model: z.string(), usage: usageSchema });

/** Later figures are totals: they replace earlier ones where they are given. */
const merge = (known: TokenUsage, told: z.infer<typeof usageSchema>): TokenUsage => ({
	inputTokens: told.input_tokens ?? known.inputTokens,
	outputTokens: told.output_tokens ?? known.outputTokens,
	cacheReadTokens: told.cache_read_input_tokens ?? known.cacheReadTokens,
	cacheWriteTokens: told.cache_creation_input_tokens ?? known.cacheWriteTokens
});

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}

const INTERESTING = /"type":\s*"message_(start|delta|stop)"/;

/** For `text/event-stream`. */
export function createStreamTap(): UsageTap {
	const decoder = new StringDecoder('utf8');
	let rest = '';
	let model: string | null = null;
	let usage = NO_USAGE;
	let complete = false;

	function line(text: string): void {
		if (!text.startsWith('data:') || !INTERESTING.test(text)) return;
		const event = eventSchema.safeParse(parseJson(text.slice(5)));
		if (!event.success) return;
		const { type, message } = event.data;
		if (type === 'message_start' && message) {
			model = message.model;
			usage = merge(usage, message.usage);
		}
		if (type === 'message_delta' && event.data.usage) usage = merge(usage, event.data.usage);
		if (type === 'message_stop') complete = true;
	}

	return {
		push(chunk) {
			const text = rest + decoder.write(chunk);
			let start = 0;
			for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
				line(text.slice(start, end));
				start = end + 1;
			}
			rest = text.length - start > MAX_LINE ? '' : text.slice(start);
		},
		read: () => (model === null ? null : { ...usage, model, complete })
	};
}

/** For a whole JSON answer. */
export function createBodyTap(): UsageTap {
	const chunks: Buffer[] = [];
	let size = 0;
	return {
		push(chunk) {
			size += chunk.length;
			if (size <= MAX_JSON) chunks.push(chunk);
		},
		read() {
			if (size > MAX_JSON) return null;
			const body = bodySchema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
			if (!body.success) return null;
			return { ...merge(NO_USAGE, body.data.usage), model: body.data.model, complete: true };
		}
	};
}
