/** The door over real unix sockets: who gets in, who does not, and what becomes of connections. */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createDoor, type Door, type DoorSession } from './door.ts';

const A = { id: 'a0000000-0000-4000-8000-000000000000', token: 'token-of-session-a' };
const B = { id: 'b0000000-0000-4000-8000-000000000000', token: 'token-of-session-b' };

let root: string;
let door: Door;
let served: { url: string; session: DoorSession }[];
let runners: DoorSession[];
const opened: { destroy(): void }[] = [];

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'door-'));
	served = [];
	runners = [];
	door = createDoor({
		logger: pino({ level: 'silent' }),
		handlers: {
			runner: (socket, session) => {
				runners.push(session);
				socket.on('message', (data) => socket.send(`echo ${String(data)}`));
			},
			model: (req, res, session) => {
				served.push({ url: req.url ?? '', session });
				res.end('model');
			},
			mcp: (_req, res, session) => res.end(`mcp ${session.sessionId} ${session.epoch}`),
			attachment: (id, res, session) => void res.end(`${id} of ${session.sessionId}`),
			egress: () => ({ allowed: false, reason: 'not tested here' }),
			egressDenied: () => {}
		}
	});
});

afterEach(async () => {
	for (const it of opened.splice(0)) it.destroy();
	await door.closeAll();
	await rm(root, { recursive: true, force: true });
});

const directoryOf = (id: string): string => join(root, id[0]!);
const socketOf = (id: string): string => join(directoryOf(id), 'door.sock');

async function openSession({ id, token }: typeof A, epoch = 1): Promise<void> {
	await mkdir(directoryOf(id), { recursive: true });
	expect(await door.open(id, { directory: directoryOf(id), token, epoch })).toMatchObject({
		ok: true
	});
}

interface Answer {
	status: number;
	body: string;
}

async function ask(
	target: { socketPath: string },
	path: string,
	headers: Record<string, string> = {},
	method = 'GET'
): Promise<Answer> {
	const req = request({ ...target, path, method, headers });
	req.end();
	const [res] = (await once(req, 'response')) as [IncomingMessage];
	let body = '';
	for await (const chunk of res) body += String(chunk);
	return { status: res.statusCode ?? 0, body };
}

/** Status of an upgrade to a WebSocket: 101, or that of the refusal. */
function upgrade(
	socketPath: string,
	path: string,
	headers: Record<string, string>
): Promise<number> {
	return new Promise((resolve, reject) => {
		const socket = new WebSocket(`ws+unix:${socketPath}:${path}`, { headers });
		opened.push({ destroy: () => socket.terminate() });
		socket.on('open', () => resolve(101));
		socket.on('unexpected-response', (req: ClientRequest, res: IncomingMessage) => {
			resolve(res.statusCode ?? 0);
			req.destroy();
		});
		socket.on('error', reject);
	});
}

/** Writes bytes as they are and gives back what comes until the connection ends. */
async function raw(socketPath: string, bytes: string | Buffer): Promise<string> {
	const socket = connect(socketPath);
	opened.push(socket);
	socket.on('error', () => {});
	socket.write(bytes);
	let text = '';
	socket.on('data', (data) => (text += data.toString('latin1')));
	await once(socket, 'close');
	return text;
}

test('a runner gets in with the session’s token and is told to be that session', async () => {
	await openSession(A, 7);
	const socket = new WebSocket(`ws+unix:${socketOf(A.id)}:/runner`, {
		headers: { authorization: `Bearer ${A.token}` }
	});
	opened.push({ destroy: () => socket.terminate() });
	await once(socket, 'open');
	socket.send('hello');
	const [data] = (await once(socket, 'message')) as [Buffer];
	expect(String(data)).toBe('echo hello');
	expect(runners).toEqual([{ sessionId: A.id, epoch: 7 }]);
	expect(socket.extensions).toBe('');
});

test('a request for tools is passed on with whose it is', async () => {
	await openSession(A, 3);
	const headers = { authorization: `Bearer ${A.token}` };
	const { body } = await ask({ socketPath: socketOf(A.id) }, '/mcp', headers, 'POST');
	expect(body).toBe(`mcp ${A.id} 3`);
});

test('an attachment is asked for by its id, with whose it shall be', async () => {
	await openSession(A);
	const headers = { authorization: `Bearer ${A.token}` };
	const path = `/attachments/${B.id}`;
	const { body } = await ask({ socketPath: socketOf(A.id) }, path, headers, 'GET');
	expect(body).toBe(`${B.id} of ${A.id}`);
});

test.each<[string, string, Record<string, string>, number]>([
	['no token', '/runner', {}, 401],
	['an empty token', '/runner', { authorization: 'Bearer ' }, 401],
	['a wrong token', '/runner', { authorization: 'Bearer nope' }, 401],
	['a prefix of the token', '/runner', { authorization: `Bearer ${A.token.slice(0, -1)}` }, 401],
	['a longer token', '/runner', { authorization: `Bearer ${A.token}x` }, 401],
	['another session’s token', '/runner', { authorization: `Bearer ${B.token}` }, 401],
	['basic instead of bearer', '/runner', { authorization: `Basic ${A.token}` }, 401],
	['the token as a query', `/runner?token=${A.token}`, {}, 401],
	['the key header', '/runner', { 'x-api-key': A.token }, 401],
	['another path', '/', { authorization: `Bearer ${A.token}` }, 404],
	['a longer path', '/runner/x', { authorization: `Bearer ${A.token}` }, 404],
	['the model’s path', '/model/v1/messages', { authorization: `Bearer ${A.token}` }, 404]
])('an upgrade with %s is refused before 101', async (_name, path, headers, status) => {
	await openSession(A);
	await openSession(B);
	expect(await upgrade(socketOf(A.id), path, headers)).toBe(status);
	expect(runners).toEqual([]);
});

test.each([
	'/model/../runner',
	'/./runner',
	'//runner',
	'/runner/',
	'/%72unner',
	'http://x/runner'
])('an upgrade of %s is not taken for one of /runner', async (path) => {
	await openSession(A);
	const answer = await raw(
		socketOf(A.id),
		`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
			`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n` +
			`Authorization: Bearer ${A.token}\r\n\r\n`
	);
	expect(answer).toMatch(/^HTTP\/1\.1 404 /);
	expect(runners).toEqual([]);
});

test('the model is reached with the token in either header, without the prefix', async () => {
	await openSession(A);
	const target = { socketPath: socketOf(A.id) };
	await ask(target, '/model/v1/messages?beta=true', { authorization: `Bearer ${A.token}` });
	await ask(target, '/model/v1/models', {
		'x-api-key': A.token,
		authorization: 'Bearer placeholder'
	});
	expect(served).toEqual([
		{ url: '/v1/messages?beta=true', session: { sessionId: A.id, epoch: 1 } },
		{ url: '/v1/models', session: { sessionId: A.id, epoch: 1 } }
	]);
});

test.each<[string, string, Record<string, string>, number]>([
	['no token', '/model/v1/messages', {}, 403],
	['another session’s token', '/model/v1/messages', { 'x-api-key': B.token }, 403],
	['the proxy’s header', '/model/v1/messages', { 'proxy-authorization': `Bearer ${A.token}` }, 403],
	['a path that only begins so', '/models', { 'x-api-key': A.token }, 404],
	['another path', '/', { 'x-api-key': A.token }, 404],
	['runner without upgrade', '/runner', { authorization: `Bearer ${A.token}` }, 404],
	['another session’s token for tools', '/mcp', { authorization: `Bearer ${B.token}` }, 403],
	['no token for tools', '/mcp', {}, 403],
	[
		'another session’s token for an attachment',
		`/attachments/${A.id}`,
		{ authorization: `Bearer ${B.token}` },
		403
	],
	[
		'an attachment that has no id',
		'/attachments/../model',
		{ authorization: `Bearer ${A.token}` },
		404
	],
	['OPTIONS *', '*', { 'x-api-key': A.token }, 404]
])('a request with %s gets nowhere', async (_name, path, headers, status) => {
	await openSession(A);
	await openSession(B);
	const method = path === '*' ? 'OPTIONS' : 'GET';
	expect((await ask({ socketPath: socketOf(A.id) }, path, headers, method)).status).toBe(status);
	expect(served).toEqual([]);
});

test('bytes that are no request, and headers beyond any measure, end the connection only', async () => {
	await openSession(A);
	const path = socketOf(A.id);
	expect(await raw(path, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
	expect(await raw(path, Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 13, 10]))).toMatch(
		/^HTTP\/1\.1 400 /
	);
	expect(
		await raw(path, `GET /model/x HTTP/1.1\r\nHost: x\r\nx-api-key: ${'k'.repeat(40_000)}\r\n\r\n`)
	).toMatch(/^HTTP\/1\.1 431 /);
	expect(
		await raw(
			path,
			`GET /model/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`
		)
	).toMatch(/^HTTP\/1\.1 400 /);
	expect((await ask({ socketPath: path }, '/model/x', { 'x-api-key': A.token })).status).toBe(200);
});

test('the socket is found in a path longer than a socket address, and in place of a stale one', async () => {
	const directory = join(root, 'x'.repeat(120), 'door');
	await mkdir(directory, { recursive: true });
	await writeFile(join(directory, 'door.sock'), 'stale');
	expect(await door.open(A.id, { directory, token: A.token, epoch: 1 })).toMatchObject({
		ok: true
	});
	expect((await stat(join(directory, 'door.sock'))).isSocket()).toBe(true);
	await door.close(A.id);
	expect(await readdir(directory)).toEqual([]);
});

test('a root manager gives the socket to the owner of the directory', async (context) => {
	if (process.getuid?.() !== 0) return context.skip('needs root');
	const { chown } = await import('node:fs/promises');
	const directory = join(root, 'owned');
	await mkdir(directory);
	await chmod(directory, 0o755);
	await chown(directory, 4242, 4242);
	await door.open(A.id, { directory, token: A.token, epoch: 1 });
	const socket = await stat(join(directory, 'door.sock'));
	expect({ uid: socket.uid, mode: socket.mode & 0o777 }).toEqual({ uid: 4242, mode: 0o600 });
});

test('a door directory that is missing or a link is an error in words', async () => {
	expect(
		await door.open(A.id, { directory: join(root, 'none'), token: 't', epoch: 1 })
	).toMatchObject({
		ok: false,
		error: { code: 'sandbox_start_failed' }
	});
	await mkdir(join(root, 'real'));
	const { symlink } = await import('node:fs/promises');
	await symlink('real', join(root, 'link'));
	expect(
		await door.open(A.id, { directory: join(root, 'link'), token: 't', epoch: 1 })
	).toMatchObject({
		ok: false
	});
});

async function connectedRunner(token = A.token): Promise<WebSocket> {
	const socket = new WebSocket(`ws+unix:${socketOf(A.id)}:/runner`, {
		headers: { authorization: `Bearer ${token}` }
	});
	opened.push({ destroy: () => socket.terminate() });
	await once(socket, 'open');
	return socket;
}

test('opening again with the same token keeps connections; with a new one it ends them', async () => {
	await openSession(A);
	const first = await connectedRunner();
	await openSession(A);
	first.send('still there');
	await once(first, 'message');

	const closed = once(first, 'close');
	await openSession({ ...A, token: 'new-token' }, 2);
	expect((await closed)[0]).toBe(4001);
	expect(await upgrade(socketOf(A.id), '/runner', { authorization: `Bearer ${A.token}` })).toBe(
		401
	);
	await connectedRunner('new-token');
	expect(runners.at(-1)).toEqual({ sessionId: A.id, epoch: 2 });
});

test('a socket that somebody removed is made again', async () => {
	await openSession(A);
	await rm(socketOf(A.id));
	await openSession(A);
	await connectedRunner();
});

test('closing tells runners why, removes the socket, and ends idle strangers', async () => {
	await openSession(A);
	const runner = await connectedRunner();
	const stranger = connect(socketOf(A.id));
	opened.push(stranger);
	await once(stranger, 'connect');
	const ends = Promise.all([once(runner, 'close'), once(stranger, 'close')]);
	await door.close(A.id);
	expect((await ends)[0][0]).toBe(4003);
	expect(await readdir(directoryOf(A.id))).toEqual([]);
	await door.close(A.id);
});

test('all at once: the manager goes away', async () => {
	await openSession(A);
	const closed = once(await connectedRunner(), 'close');
	await door.closeAll();
	expect((await closed)[0]).toBe(1001);
});

test('open and close asked for at once end in the order they were asked', async () => {
	await mkdir(directoryOf(A.id));
	const opening = { directory: directoryOf(A.id), token: A.token, epoch: 1 };
	await Promise.all([
		door.open(A.id, opening),
		door.close(A.id),
		door.open(A.id, { ...opening, epoch: 2 }),
		door.open(A.id, { ...opening, epoch: 3 })
	]);
	await connectedRunner();
	expect(runners).toEqual([{ sessionId: A.id, epoch: 3 }]);
});
