/** Writes a reply as the Messages API does: as server-sent events at the reply's pace, or whole. */
import type { ServerResponse } from 'node:http';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import type { TokenUsage } from '../usage.ts';
import type { Fault, Reply, ReplyBlock } from './reply.ts';
import { estimateTokens } from './token-estimate.ts';

export interface StreamContext {
	model: string;
	/** Output tokens are counted up while streaming. */
	usage: TokenUsage;
	newId: (prefix: string) => string;
	epochMs: () => number;
	/** 1 is the reply's own pace, 0 is without any wait. */
	paceFactor: number;
	signal: AbortSignal;
}

type StreamFault = Exclude<Fault, { kind: 'status' }>;

/** Flat-out text is written in lumps of this size: as fast as it gets, and cheap. */
const FLUSH_BYTES = 16_384;

/** What a delta's wrapping would count as. */
const EVENT_TOKENS = 28;

const event = (type: string, fields: object): string =>
	`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

const apiUsage = (usage: TokenUsage) => ({
	input_tokens: usage.inputTokens,
	cache_creation_input_tokens: usage.cacheWriteTokens,
	cache_read_input_tokens: usage.cacheReadTokens,
	output_tokens: usage.outputTokens
});

const messageHead = (context: StreamContext) => ({
	id: context.newId('msg_demo_'),
	type: 'message',
	role: 'assistant',
	model: context.model,
	stop_sequence: null
});

const stopReasonOf = (reply: Reply): string =>
	reply.stopReason ??
	(reply.blocks.some((block) => block.kind === 'tool') ? 'tool_use' : 'end_turn');

/** Buffers events, waits for the reader when it is slow, and keeps the beat of a paced stream. */
class PacedWriter {
	private buffer = '';
	private due: number;
	private readonly res: ServerResponse;
	private readonly context: StreamContext;

	constructor(res: ServerResponse, context: StreamContext) {
		this.res = res;
		this.context = context;
		this.due = context.epochMs();
	}

	async push(text: string): Promise<void> {
		this.buffer += text;
		if (this.buffer.length < FLUSH_BYTES) return;
		await this.flush();
		// Others of this process shall get their turn between two lumps.
		await immediate();
	}

	async flush(): Promise<void> {
		if (this.buffer === '') return;
		const text = this.buffer;
		this.buffer = '';
		if (this.res.write(text)) return;
		await new Promise<void>((resolve) => {
			const done = () => {
				this.res.off('drain', done);
				this.context.signal.removeEventListener('abort', done);
				resolve();
			};
			this.res.once('drain', done);
			this.context.signal.addEventListener('abort', done, { once: true });
		});
	}

	/** Waits for the next beat; the beats are reckoned from the start, so they don't drift. */
	async wait(ms: number): Promise<void> {
		this.due += ms * this.context.paceFactor;
		const left = this.due - this.context.epochMs();
		if (left <= 0) return;
		await this.flush();
		await delay(left, undefined, { signal: this.context.signal });
	}
}

const OPENERS = {
	text: { type: 'text', text: '' },
	thinking: { type: 'thinking', thinking: '', signature: '' }
} as const;

function* deltasOf(block: ReplyBlock, epochMs: () => number): Generator<object> {
	if (block.kind === 'tool') {
		const json = JSON.stringify(block.input);
		for (let at = 0; at < json.length; at += 256) {
			yield { type: 'input_json_delta', partial_json: json.slice(at, at + 256) };
		}
		return;
	}
	for (const chunk of block.chunks(epochMs)) {
		yield block.kind === 'text'
			? { type: 'text_delta', text: chunk }
			: { type: 'thinking_delta', thinking: chunk };
	}
	if (block.kind === 'thinking') yield { type: 'signature_delta', signature: 'ZGVtbw==' };
}

/** The stream breaks. True: stop writing here. */
async function breakStream(
	fault: StreamFault,
	res: ServerResponse,
	writer: PacedWriter,
	signal: AbortSignal
): Promise<void> {
	if (fault.kind === 'malformed')
		await writer.push('event: content_block_delta\ndata: {"type":\n\n');
	if (fault.kind === 'sse-error') {
		await writer.push(
			event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })
		);
	}
	await writer.flush();
	if (fault.kind === 'hang') {
		if (!signal.aborted) {
			await new Promise<void>((resolve) =>
				signal.addEventListener('abort', () => resolve(), { once: true })
			);
		}
		return;
	}
	if (fault.kind === 'cut') {
		// One turn of the loop, so that what was said before still gets out.
		await immediate();
		res.destroy();
		return;
	}
	res.end();
}

/** Streams the reply. Resolves when all is written; rejects only when the reader went away. */
export async function streamReply(
	res: ServerResponse,
	reply: Reply,
	context: StreamContext,
	fault: StreamFault | null
): Promise<void> {
	const writer = new PacedWriter(res, context);
	res.writeHead(200, {
		'content-type': 'text/event-stream; charset=utf-8',
		'cache-control': 'no-cache',
		'request-id': context.newId('req_demo_')
	});
	res.flushHeaders();
	await writer.wait(reply.pacing.firstMs);
	await writer.push(
		event('message_start', {
			message: {
				...messageHead(context),
				content: [],
				stop_reason: null,
				usage: { ...apiUsage(context.usage), output_tokens: 1 }
			}
		})
	);
	let chunks = 0;
	for (const [index, block] of reply.blocks.entries()) {
		const opener =
			block.kind === 'tool'
				? { type: 'tool_use', id: context.newId('toolu_demo_'), name: block.name, input: {} }
				: OPENERS[block.kind];
		await writer.push(event('content_block_start', { index, content_block: opener }));
		if (index === 0) await writer.push(event('ping', {}));
		const deltas = deltasOf(block, context.epochMs);
		for (;;) {
			if (fault && chunks >= fault.afterChunks) {
				return breakStream(fault, res, writer, context.signal);
			}
			// First the beat, then the delta, which may carry the time.
			if (chunks > 0) await writer.wait(reply.pacing.intervalMs);
			const next = deltas.next();
			if (next.done) break;
			const delta = next.value;
			const text = event('content_block_delta', { index, delta });
			context.usage.outputTokens += Math.max(1, estimateTokens(text) - EVENT_TOKENS);
			await writer.push(text);
			chunks += 1;
			if (reply.pacing.intervalMs > 0) await writer.flush();
			context.signal.throwIfAborted();
		}
		await writer.push(event('content_block_stop', { index }));
	}
	if (fault) return breakStream(fault, res, writer, context.signal);
	await writer.push(
		event('message_delta', {
			delta: { stop_reason: stopReasonOf(reply), stop_sequence: null },
			usage: apiUsage(context.usage)
		})
	);
	await writer.push(event('message_stop', {}));
	await writer.flush();
	res.end();
}

/** The body of an answer to a request without `stream`. */
export function wholeReply(reply: Reply, context: StreamContext): object {
	const content = reply.blocks.map((block) => {
		if (block.kind === 'tool') {
			return {
				type: 'tool_use',
				id: context.newId('toolu_demo_'),
				name: block.name,
				input: block.input
			};
		}
		const text = [...block.chunks(context.epochMs)].join('');
		return block.kind === 'text'
			? { type: 'text', text }
			: { type: 'thinking', thinking: text, signature: 'ZGVtbw==' };
	});
	context.usage.outputTokens = estimateTokens(JSON.stringify(content));
	return {
		...messageHead(context),
		content,
		stop_reason: stopReasonOf(reply),
		usage: apiUsage(context.usage)
	};
}
