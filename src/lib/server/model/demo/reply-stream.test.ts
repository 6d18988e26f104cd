/** What comes over the wire: the Messages API's events, faults, and the time of a chunk. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDemoServer, type DemoServer } from './demo-server.ts';
import { UNICODE_TEXT } from './torture-texts.ts';

let server: DemoServer;
beforeAll(async () => {
	server = await createDemoServer({ paceFactor: 0 });
});
afterAll(() => server.close());

async function post(path: string, body: unknown): Promise<IncomingMessage> {
	const req = request(`${server.baseUrl}${path}`, { method: 'POST' });
	req.end(typeof body === 'string' ? body : JSON.stringify(body));
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	return res;
}

async function textOf(res: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of res) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString('utf8');
}

interface ApiEvent {
	type: string;
	index?: number;
	delta?: { text?: string; partial_json?: string; stop_reason?: string };
	message?: { id: string; usage: Record<string, number> };
	usage?: Record<string, number>;
}

const ask = (content: string, stream = true) => ({
	model: 'claude-opus-5-5',
	max_tokens: 100,
	stream,
	messages: [{ role: 'user', content }]
});

async function eventsFor(prompt: string): Promise<ApiEvent[]> {
	const text = await textOf(await post('/v1/messages?beta=true', ask(prompt)));
	return text
		.split('\n\n')
		.filter(Boolean)
		.map((part) => {
			const [, type, data] = /^event: (\w+)\ndata: (.*)$/s.exec(part)!;
			const event = JSON.parse(data!) as ApiEvent;
			expect(event.type).toBe(type);
			return event;
		});
}

test('a text is streamed as the API does it', async () => {
	const events = await eventsFor('[[demo: text chunks=3]]');
	expect(events.map(({ type }) => type)).toEqual([
		'message_start',
		'content_block_start',
		'ping',
		'content_block_delta',
		'content_block_delta',
		'content_block_delta',
		'content_block_stop',
		'message_delta',
		'message_stop'
	]);
	expect(events[0]?.message?.id).toMatch(/^msg_demo_/);
	expect(events.at(-2)).toMatchObject({
		delta: { stop_reason: 'end_turn', stop_sequence: null },
		usage: { output_tokens: expect.any(Number), cache_creation_input_tokens: expect.any(Number) }
	});
});

test('a tool call streams its input as JSON and ends with tool_use', async () => {
	const events = await eventsFor(`[[demo: tools bash="echo ${'x'.repeat(600)}"]]`);
	const json = events.map(({ delta }) => delta?.partial_json ?? '').join('');
	expect(JSON.parse(json)).toMatchObject({ command: `echo ${'x'.repeat(600)}` });
	expect(events.at(-2)?.delta?.stop_reason).toBe('tool_use');
});

test('a burst has every number once, in order, each with its time of sending', async () => {
	const before = Date.now();
	const events = await eventsFor('[[demo: burst deltas=2000]]');
	const text = events.map(({ delta }) => delta?.text ?? '').join('');
	const chunks = [...text.matchAll(/#(\d+) t=([\d.]+)/g)];
	expect(chunks.map((match) => Number(match[1]))).toEqual(
		Array.from({ length: 2000 }, (_, n) => n + 1)
	);
	const times = chunks.map((match) => Number(match[2]));
	expect(times.every((time, index) => index === 0 || time >= times[index - 1]!)).toBe(true);
	expect(times[0]).toBeGreaterThan(before - 1000);
});

test('torture text arrives as it was meant, NUL and lone surrogates included', async () => {
	const events = await eventsFor('[[demo: unicode]]');
	expect(events.map(({ delta }) => delta?.text ?? '').join('')).toBe(UNICODE_TEXT);
});

test('without stream the same comes as one message', async () => {
	const res = await post('/v1/messages', ask('[[demo: thinking]] [[demo: tools bash=ls]]', false));
	expect(JSON.parse(await textOf(res))).toMatchObject({
		type: 'message',
		role: 'assistant',
		model: 'agent-manager-demo',
		stop_reason: 'tool_use',
		content: [{ type: 'thinking' }, { type: 'tool_use', name: 'Bash', input: { command: 'ls' } }]
	});
});

test('an ordered status comes with its headers, and as often as ordered', async () => {
	const body = ask('[[demo: status=429 retry-after=1 times=2]]');
	const statuses: (number | undefined)[] = [];
	for (let round = 0; round < 3; round += 1) {
		const res = await post('/v1/messages', body);
		statuses.push(res.statusCode);
		if (res.statusCode === 429) expect(res.headers['retry-after']).toBe('1');
		await textOf(res);
	}
	expect(statuses).toEqual([429, 429, 200]);
});

test('a cut stream breaks off after its chunks', async () => {
	const res = await post('/v1/messages', ask('[[demo: cut after=2]]'));
	const [chunk] = (await once(res, 'data')) as [Buffer];
	expect(String(chunk)).toContain('#2');
	await expect(textOf(res)).rejects.toThrow(/aborted/);
});

test('a hanging stream says its chunks and nothing more, until the reader goes', async () => {
	const res = await post('/v1/messages', ask('[[demo: hang after=1]]'));
	const [chunk] = (await once(res, 'data')) as [Buffer];
	expect(String(chunk)).toContain('#1');
	res.destroy();
});

test.each<[string, unknown, number]>([
	['/v1/messages', '{', 400],
	['/v1/messages', { model: 'm', messages: [] }, 400],
	['/v1/messages', { model: 'm', messages: 'x' }, 400],
	['/v1/messages', [], 400],
	['/v1/messages/batches', {}, 404],
	['/v1/messages/count_tokens', ask('hello'), 200]
])('%s with %j → %i', async (path, body, status) => {
	const res = await post(path, body);
	expect(res.statusCode).toBe(status);
	await textOf(res);
});
