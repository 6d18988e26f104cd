/**
 * A Messages API in a few lines: each prompt names what the model shall do, so a test reads as its
 * own script. The product's demo model is far richer; this one has no surprises.
 *
 *   say <text>            streams the text, word by word
 *   hang                  says one word and then nothing
 *   bash <command>        calls Bash, then says "done"
 *   background <command>  calls Bash in the background, then says "done"
 *   question              asks with AskUserQuestion, then says "done"
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Block {
	type: string;
	text?: string;
	tool_use_id?: string;
}

interface RequestBody {
	model: string;
	stream?: boolean;
	messages: { role: string; content: string | Block[] }[];
}

export interface ModelCall {
	authorization: string | undefined;
	body: RequestBody;
}

export interface ScriptedModel {
	calls: ModelCall[];
	handle(request: IncomingMessage, response: ServerResponse): void;
}

const bodyOf = async (request: IncomingMessage): Promise<RequestBody> => {
	let text = '';
	for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
	return JSON.parse(text) as RequestBody;
};

const lastUserBlocks = (body: RequestBody): Block[] => {
	const last = body.messages.filter((message) => message.role === 'user').at(-1);
	return typeof last?.content === 'string'
		? [{ type: 'text', text: last.content }]
		: (last?.content ?? []);
};

const createStream = (response: ServerResponse, model: string, id: string) => {
	const event = (type: string, data: object): void => {
		response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
	};
	response.writeHead(200, { 'content-type': 'text/event-stream' });
	event('message_start', {
		message: {
			id,
			type: 'message',
			role: 'assistant',
			model,
			content: [],
			stop_reason: null,
			usage: { input_tokens: 5, output_tokens: 1 }
		}
	});
	const end = (stopReason: string): void => {
		event('content_block_stop', { index: 0 });
		event('message_delta', { delta: { stop_reason: stopReason }, usage: { output_tokens: 7 } });
		event('message_stop', {});
		response.end();
	};
	return {
		startText: () =>
			event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
		text: (text: string) =>
			event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
		tool: (name: string, input: object) => {
			const content_block = { type: 'tool_use', id: `toolu_${id}`, name, input: {} };
			event('content_block_start', { index: 0, content_block });
			const partial_json = JSON.stringify(input);
			event('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json } });
			end('tool_use');
		},
		end: () => end('end_turn')
	};
};

const QUESTION = {
	questions: [
		{
			question: 'Which colour?',
			header: 'Colour',
			multiSelect: false,
			options: [
				{ label: 'red', description: 'like fire' },
				{ label: 'blue', description: 'like the sea' }
			]
		}
	]
};

export const createScriptedModel = (): ScriptedModel => {
	const calls: ModelCall[] = [];

	const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
		const body = await bodyOf(request);
		if (request.url?.includes('count_tokens')) {
			response.end(JSON.stringify({ input_tokens: 5 }));
			return;
		}
		if (body.model === 'no-such-model') {
			const error = { type: 'not_found_error', message: `model: ${body.model}` };
			response.writeHead(404, { 'content-type': 'application/json' });
			response.end(JSON.stringify({ type: 'error', error }));
			return;
		}
		// Whether there is such a model.
		if (body.stream !== true) {
			response.setHeader('content-type', 'application/json');
			const usage = { input_tokens: 5, output_tokens: 1 };
			const message = { id: 'msg_probe', type: 'message', role: 'assistant', model: body.model };
			response.end(JSON.stringify({ ...message, content: [], stop_reason: 'end_turn', usage }));
			return;
		}
		calls.push({ authorization: request.headers.authorization, body });
		const stream = createStream(response, body.model, `msg_${calls.length}`);
		const blocks = lastUserBlocks(body);
		const result = blocks.some((block) => block.type === 'tool_result');
		// Claude Code adds where it has put an image.
		const texts = blocks.flatMap(({ text }) => text ?? []);
		const prompt = texts.findLast((text) => !text.startsWith('[Image: ')) ?? '';
		const [verb, ...words] = result ? ['say', 'done'] : prompt.trim().split(' ');
		const rest = words.join(' ');
		if (verb === 'bash') return stream.tool('Bash', { command: rest, description: 'as told' });
		if (verb === 'background') {
			const input = { command: rest, description: 'as told', run_in_background: true };
			return stream.tool('Bash', input);
		}
		if (verb === 'question') return stream.tool('AskUserQuestion', QUESTION);
		stream.startText();
		if (verb === 'hang') return stream.text('thinking');
		for (const [index, word] of (rest || 'nothing').split(' ').entries()) {
			stream.text(index === 0 ? word : ` ${word}`);
		}
		stream.end();
	};

	return {
		calls,
		handle: (request, response) => {
			answer(request, response).catch((error: unknown) => response.destroy(error as Error));
		}
	};
};
