/** The pass-through against a real server on the loopback that plays the upstream. */
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import {
	createServer,
	request,
	type IncomingMessage,
	type Server,
	type ServerResponse
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ModelEnvironment } from './credentials.ts';
import type { RateLimit } from './model-failure.ts';
import { createModelHandler } from './model-handler.ts';
import { createUpstreamAgent } from './upstream-agent.ts';
import { createUpstreamResolver, type UpstreamSetting } from './upstream.ts';
import type { ModelUsage } from './usage.ts';

const CANARY = 'sk-ant-canary-0123456789abcdef';
const SESSION = '3e1f4c80-0000-4000-8000-000000000001';

type Answer = (req: IncomingMessage, res: ServerResponse, body: string) => void;

let answer: Answer;
let upstream: Server;
let upstreamUrl: string;
let door: Server;
let doorPort: number;
let home: string;
let dispatcher: Dispatcher;
let env: ModelEnvironment;
let setting: UpstreamSetting;
let logged: string;
const seen: { usage: ModelUsage[]; failures: WireError[]; limits: RateLimit[] } = {
	usage: [],
	failures: [],
	limits: []
};
/** Resolves the next time a callback of the handler was called. */
let told: () => void;

const listen = async (server: Server): Promise<number> => {
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return (server.address() as AddressInfo).port;
};

beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), 'model-home-'));
	dispatcher = createUpstreamAgent({});
	upstream = createServer(async (req, res) => {
		const chunks: Buffer[] = [];
		for await (const chunk of req) chunks.push(chunk as Buffer);
		answer(req, res, Buffer.concat(chunks).toString('utf8'));
	});
	upstreamUrl = `http://127.0.0.1:${await listen(upstream)}`;
	env = { ANTHROPIC_API_KEY: CANARY, ANTHROPIC_BASE_URL: upstreamUrl };
	setting = 'auto';
	logged = '';
	told = () => {};
	Object.assign(seen, { usage: [], failures: [], limits: [] });
	const handler = createModelHandler({
		resolveUpstream: () => resolver().resolve(),
		dispatcher: () => Promise.resolve(dispatcher),
		onUsage: (_session, usage) => void (seen.usage.push(usage), told()),
		onFailure: (_session, error) => void (seen.failures.push(error), told()),
		onRateLimit: (_session, limit) => void seen.limits.push(limit),
		logger: pino({ level: 'trace' }, { write: (line: string) => void (logged += line) }),
		now: () => Date.parse('2026-11-23T06:00:00Z')
	});
	door = createServer((req, res) => handler(req, res, { sessionId: SESSION }));
	doorPort = await listen(door);
});

afterEach(async () => {
	door.closeAllConnections();
	upstream.closeAllConnections();
	door.close();
	upstream.close();
	await dispatcher.destroy();
	await rm(home, { recursive: true, force: true });
	expect(logged).not.toContain(CANARY);
	expect(JSON.stringify(seen)).not.toContain(CANARY);
});

const resolver = () =>
	createUpstreamResolver({
		setting,
		env,
		homeDirectory: home,
		now: () => Date.parse('2026-11-23T06:00:00Z'),
		demo: async (_req, res) => void res.end('demo')
	});

interface Reply {
	status: number;
	headers: IncomingMessage['headers'];
	body: string;
}

async function send(
	path = '/v1/messages?beta=true',
	options: { method?: string; headers?: Record<string, string>; body?: string } = {}
): Promise<Reply> {
	const req = request({
		port: doorPort,
		path,
		method: options.method ?? 'POST',
		headers: { 'x-api-key': 'placeholder', 'content-type': 'application/json', ...options.headers }
	});
	req.end(options.method === 'GET' ? undefined : (options.body ?? '{"stream":true}'));
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	let body = '';
	for await (const chunk of res) body += String(chunk);
	const reply = { status: res.statusCode ?? 0, headers: res.headers, body };
	expect(JSON.stringify(reply)).not.toContain(CANARY);
	return reply;
}

const sse = (events: object[]): string =>
	events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join('');

const STREAM = sse([
	{
		type: 'message_start',
		message: {
			model: 'claude-x',
			usage: {
				input_tokens: 5,
				cache_read_input_tokens: 7,
				cache_creation_input_tokens: 11,
				output_tokens: 1
			}
		}
	},
	{ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'grüezi 😀' } },
	{ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 42 } },
	{ type: 'message_stop' }
]);

const streaming: Answer = (_req, res) => {
	res.writeHead(200, { 'content-type': 'text/event-stream' });
	res.end(STREAM);
};

test('passes the body untouched both ways and reads the usage on the side', async () => {
	let got = '';
	answer = (req, res, body) => {
		got = body;
		streaming(req, res, body);
	};
	const body = '{ "stream":true,\n "messages" : [{"role":"system","content":"ü"}] }';
	const reply = await send('/v1/messages?beta=true', { body });
	expect(got).toBe(body);
	expect(reply.body).toBe(STREAM);
	expect(seen.usage).toEqual([
		{
			model: 'claude-x',
			inputTokens: 5,
			outputTokens: 42,
			cacheReadTokens: 7,
			cacheWriteTokens: 11,
			complete: true
		}
	]);
});

test('reads the usage of an answer that is not streamed', async () => {
	answer = (_req, res) => {
		res.writeHead(200, { 'content-type': 'application/json' });
		res.end('{"model":"claude-x","usage":{"input_tokens":3,"output_tokens":4},"content":[]}');
	};
	await send();
	expect(seen.usage).toMatchObject([{ inputTokens: 3, outputTokens: 4, complete: true }]);
});

const credentials: [string, ModelEnvironment, Record<string, string | undefined>][] = [
	['an API key', { ANTHROPIC_API_KEY: CANARY }, { 'x-api-key': CANARY, authorization: undefined }],
	[
		'a bearer',
		{ ANTHROPIC_AUTH_TOKEN: CANARY },
		{ authorization: `Bearer ${CANARY}`, 'x-api-key': undefined, 'anthropic-beta': 'a,b' }
	],
	[
		'an OAuth token',
		{ CLAUDE_CODE_OAUTH_TOKEN: CANARY },
		{ authorization: `Bearer ${CANARY}`, 'anthropic-beta': 'a,b,oauth-2025-04-20' }
	],
	['nothing', {}, { authorization: undefined, 'x-api-key': undefined }]
];

test.each(credentials)(
	'puts in %s, and takes the placeholder out',
	async (_name, given, expected) => {
		env = { ...given, ANTHROPIC_BASE_URL: `${upstreamUrl}/base/` };
		let headers: IncomingMessage['headers'] = {};
		let url = '';
		answer = (req, res, body) => {
			headers = req.headers;
			url = req.url ?? '';
			streaming(req, res, body);
		};
		await send('/v1/messages?beta=true', {
			headers: {
				authorization: 'Bearer session-token',
				'anthropic-beta': 'a,b',
				'anthropic-version': '2023-06-01',
				'user-agent': 'claude-cli/2.1.330',
				cookie: 'a=b',
				'x-forwarded-for': '10.0.0.1',
				'proxy-authorization': 'Bearer session-token'
			}
		});
		expect(url).toBe('/base/v1/messages?beta=true');
		for (const [name, value] of Object.entries(expected)) expect(headers[name]).toBe(value);
		expect(headers).toMatchObject({
			'anthropic-version': '2023-06-01',
			'user-agent': 'claude-cli/2.1.330',
			host: new URL(upstreamUrl).host
		});
		expect(JSON.stringify(headers)).not.toMatch(/session-token|placeholder|10\.0\.0\.1|a=b/);
	}
);

test('each chunk arrives before the next one is made', async () => {
	let next = (): void => {};
	const speak = async (res: ServerResponse): Promise<void> => {
		res.writeHead(200, { 'content-type': 'text/event-stream' });
		for (let index = 0; index < 5; index += 1) {
			res.write(`data: ${index}\n\n`);
			await new Promise<void>((resolve) => (next = resolve));
		}
		res.end();
	};
	answer = (_req, res) => void speak(res);
	const req = request({ port: doorPort, path: '/v1/messages', method: 'POST' });
	req.end('{}');
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	const chunks: string[] = [];
	// The upstream writes chunk n + 1 only after chunk n was seen here: buffering would hang.
	for await (const chunk of res) {
		chunks.push(String(chunk));
		next();
	}
	expect(chunks).toEqual([0, 1, 2, 3, 4].map((index) => `data: ${index}\n\n`));
});

test('headers of a stream arrive before its first byte', async () => {
	let speak = (): void => {};
	answer = (_req, res) => {
		res.writeHead(200, { 'content-type': 'text/event-stream' });
		res.flushHeaders();
		speak = () => res.end(STREAM);
	};
	const req = request({ port: doorPort, path: '/v1/messages', method: 'POST' });
	req.end('{}');
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	speak();
	let body = '';
	for await (const chunk of res) body += String(chunk);
	expect(body).toBe(STREAM);
});

test('a client that goes away aborts the upstream, and its usage so far is told', async () => {
	const gone = new Promise<void>((resolve) => {
		answer = (_req, res) => {
			res.writeHead(200, { 'content-type': 'text/event-stream' });
			res.write(STREAM.slice(0, STREAM.indexOf('event: x', 10)));
			res.once('close', resolve);
		};
	});
	const usage = new Promise<void>((resolve) => (told = resolve));
	const req = request({ port: doorPort, path: '/v1/messages', method: 'POST' });
	req.on('error', () => {});
	req.end('{}');
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	await once(res, 'data');
	req.destroy();
	await gone;
	await usage;
	expect(seen.usage).toMatchObject([{ inputTokens: 5, complete: false }]);
});

test('what breaks off upstream breaks off here', async () => {
	answer = (_req, res) => {
		res.writeHead(200, { 'content-type': 'text/event-stream' });
		res.write('data: 1\n\n', () => res.destroy());
	};
	await expect(send()).rejects.toThrow(/aborted/);
});

test('401 becomes 403, without the credential that the upstream repeats', async () => {
	answer = (_req, res) => {
		res.writeHead(401, {
			'content-type': 'application/json',
			'request-id': `req for ${CANARY}`,
			'set-cookie': 'a=b',
			'anthropic-organization-id': 'org'
		});
		res.end(
			JSON.stringify({
				type: 'error',
				error: { type: 'authentication_error', message: `bad key ${CANARY} ${btoa(CANARY)}` }
			})
		);
	};
	const reply = await send();
	expect(reply.status).toBe(403);
	expect(JSON.parse(reply.body)).toEqual({
		type: 'error',
		error: { type: 'authentication_error', message: 'bad key [redacted] [redacted]' }
	});
	expect(reply.headers).not.toHaveProperty('set-cookie');
	expect(seen.failures).toMatchObject([
		{ code: 'model_auth', hint: expect.stringContaining('/login') }
	]);
});

test('429 passes with its headers, and the limit is told', async () => {
	const body = '{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}';
	answer = (_req, res) => {
		res.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' });
		res.end(body);
	};
	const passing = await send();
	expect(passing).toMatchObject({ status: 429, body, headers: { 'retry-after': '7' } });
	expect(seen.limits).toMatchObject([{ retryAfterSeconds: 7, final: false, message: 'Slow down' }]);
	expect(seen.failures).toEqual([]);
});

test('an upstream that is not there is a 502 the agent retries, and a failure in words', async () => {
	upstream.close();
	const reply = await send();
	expect(reply.status).toBe(502);
	expect(seen.failures).toMatchObject([{ code: 'model_unreachable' }]);
});

test('a redirect is not followed', async () => {
	answer = (_req, res) => {
		res.writeHead(302, { location: `${upstreamUrl}/elsewhere` });
		res.end();
	};
	expect((await send()).status).toBe(502);
});

test('a path the agent does not need is a 403, and the upstream is not asked', async () => {
	answer = () => expect.unreachable('the upstream was asked');
	expect((await send('/v1/organizations')).status).toBe(403);
});

test('models and token counts pass, without usage', async () => {
	answer = (_req, res) => {
		res.writeHead(200, { 'content-type': 'application/json' });
		res.end('{"input_tokens":9}');
	};
	expect((await send('/v1/models/claude-x?limit=1', { method: 'GET' })).status).toBe(200);
	expect((await send('/v1/messages/count_tokens?beta=true')).body).toBe('{"input_tokens":9}');
	expect(seen.usage).toEqual([]);
});

test('a body beyond any limit is refused by its length', async () => {
	const req = request({
		port: doorPort,
		path: '/v1/messages',
		method: 'POST',
		headers: { 'content-length': String(100 * 1024 * 1024) }
	});
	req.on('error', () => {});
	req.flushHeaders();
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	expect(res.statusCode).toBe(413);
	req.destroy();
});

async function writeLogin(login: unknown): Promise<void> {
	await mkdir(join(home, '.claude'), { recursive: true });
	await writeFile(
		join(home, '.claude', '.credentials.json'),
		typeof login === 'string' ? login : JSON.stringify(login)
	);
}

test('an expired login is a 403 with the command to type, and a fresh one works at once', async () => {
	env = {};
	setting = 'anthropic';
	await writeLogin({ claudeAiOauth: { accessToken: CANARY, expiresAt: 1 } });
	const reply = await send();
	expect(reply.status).toBe(403);
	expect(reply.body).toContain('has expired. Run `claude` and type `/login`');
	expect(seen.failures).toMatchObject([
		{ code: 'model_auth', hint: expect.stringContaining('/login') }
	]);
	await writeLogin({ claudeAiOauth: { accessToken: CANARY, expiresAt: Date.parse('2027-01-01') } });
	expect(await resolver().describe()).toEqual({
		kind: 'anthropic',
		credential: 'claude-login',
		baseUrl: 'https://api.anthropic.com',
		problem: null
	});
});

test('a login for Anthropic is not sent to another server', async () => {
	env = { ANTHROPIC_BASE_URL: upstreamUrl };
	await writeLogin({ claudeAiOauth: { accessToken: CANARY, expiresAt: null } });
	let headers: IncomingMessage['headers'] = {};
	answer = (req, res, body) => {
		headers = req.headers;
		streaming(req, res, body);
	};
	await send();
	expect(headers.authorization).toBeUndefined();
});
