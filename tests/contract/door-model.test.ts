/** The real agent with nothing but a session's token: through the door to the model behind it. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ModelEnvironment } from '#lib/server/model/credentials.ts';
import { createDemoModel } from '#lib/server/model/demo/demo-model.ts';
import { createUpstreamAgent } from '#lib/server/model/upstream-agent.ts';
import { createModelHandler } from '#lib/server/model/model-handler.ts';
import { createUpstreamResolver } from '#lib/server/model/upstream.ts';
import type { ModelUsage } from '#lib/server/model/usage.ts';
import { createDoor, type Door } from '#lib/server/runner/door/door.ts';
import { startRelay, type Relay } from '../../packages/runner/src/relay.ts';
import { lastWords, startAgent, type Agent } from '../support/claude-agent.ts';

const SESSION = 'a0000000-0000-4000-8000-000000000000';
const TOKEN = 'session-token';
const CANARY = 'sk-ant-canary-0123456789abcdef';

let root: string;
let door: Door;
let env: ModelEnvironment;
let agent: Agent | null;
let relay: Relay | null;
let usage: ModelUsage[];
let failures: WireError[];
let upstream: Server | null;
let logged: string;

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'door-model-'));
	await mkdir(join(root, 'door'));
	await mkdir(join(root, 'work'));
	relay = null;
	[env, agent, usage, failures, upstream, logged] = [{}, null, [], [], null, ''];
	const logger = pino({ level: 'trace' }, { write: (line: string) => void (logged += line) });
	const model = createModelHandler({
		resolveUpstream: () =>
			createUpstreamResolver({
				setting: 'auto',
				env,
				homeDirectory: root,
				demo: createDemoModel({ paceFactor: 0 }).handle,
				now: Date.now
			}).resolve(),
		dispatcher: () => Promise.resolve(createUpstreamAgent({})),
		onUsage: (_sessionId, used) => void usage.push(used),
		onFailure: (_sessionId, error) => void failures.push(error),
		onRateLimit: () => {},
		logger,
		now: Date.now
	});
	door = createDoor({
		logger,
		handlers: {
			model,
			runner: (socket) => socket.close(),
			mcp: (_req, res) => void res.end(),
			attachment: (id, res) => void res.end(id),
			egress: () => ({ allowed: false, reason: 'not here' }),
			egressDenied: () => {}
		}
	});
	await door.open(SESSION, { directory: join(root, 'door'), token: TOKEN, epoch: 1 });
});

afterEach(async () => {
	agent?.close();
	relay?.close();
	await door.closeAll();
	upstream?.closeAllConnections();
	upstream?.close();
	await rm(root, { recursive: true, force: true, maxRetries: 5 });
	expect(logged).not.toContain(CANARY);
});

async function start(token = TOKEN): Promise<Agent> {
	relay = await startRelay({
		door: { folder: join(root, 'door'), socketPath: join(root, 'door', 'door.sock') },
		...{ token, port: 0 }
	});
	const { port } = relay;
	agent = startAgent({
		cwd: join(root, 'work'),
		home: join(root, 'home'),
		model: { ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}/model`, ANTHROPIC_AUTH_TOKEN: token }
	});
	return agent;
}

async function startUpstream(answer: (res: ServerResponse) => void): Promise<void> {
	upstream = createServer((req, res) => {
		req.resume();
		req.once('end', () => answer(res));
	});
	upstream.listen(0, '127.0.0.1');
	await once(upstream, 'listening');
	const { port } = upstream.address() as AddressInfo;
	env = { ANTHROPIC_API_KEY: CANARY, ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}` };
}

const retries = (messages: SDKMessage[]): SDKMessage[] =>
	messages.filter((message) => message.type === 'system' && message.subtype === 'api_retry');

test('a turn on the demo model, and its usage is told', async () => {
	const messages = await (await start()).turn('[[demo: tools bash="env | grep ANTHROPIC"]]');
	expect(lastWords(messages)).toBe('Ran 1 command(s).');
	expect(usage).toMatchObject([{ complete: true }, { complete: true }]);
	expect(JSON.stringify(messages)).not.toContain('sk-ant');
});

test('a token that is not this session’s ends the turn at once, without retries', async () => {
	const messages = await (await start('another')).turn('hello');
	expect(messages.at(-1)).toMatchObject({ is_error: true, api_error_status: 403 });
	expect(retries(messages)).toEqual([]);
});

test('a credential the upstream refuses ends the turn at once, and is not shown to the agent', async () => {
	await startUpstream((res) => {
		res.writeHead(401, { 'content-type': 'application/json' });
		const error = { type: 'authentication_error', message: `invalid key ${CANARY}` };
		res.end(JSON.stringify({ type: 'error', error }));
	});
	const messages = await (await start()).turn('hello');
	expect(messages.at(-1)).toMatchObject({ is_error: true, api_error_status: 403 });
	expect(retries(messages)).toEqual([]);
	expect(JSON.stringify(messages)).not.toContain(CANARY);
	expect(failures).toMatchObject([{ code: 'model_auth' }]);
});

test('a limit that only time lifts is told once, with its end', async () => {
	await startUpstream((res) => {
		res.writeHead(429, {
			'content-type': 'application/json',
			'x-should-retry': 'false',
			'anthropic-ratelimit-unified-status': 'rejected',
			'anthropic-ratelimit-unified-reset': '1795420800'
		});
		const error = { type: 'rate_limit_error', message: 'You have used up your five hours.' };
		res.end(JSON.stringify({ type: 'error', error }));
	});
	const messages = await (await start()).turn('hello');
	expect(messages.at(-1)).toMatchObject({ is_error: true, api_error_status: 429 });
	expect(failures[0]).toMatchObject({
		code: 'model_limit',
		details: { resetsAt: '2026-11-23T08:00:00.000Z' }
	});
});
