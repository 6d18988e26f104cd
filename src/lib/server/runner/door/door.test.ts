/** The door over real unix sockets: who gets in, who does not, and what becomes of connections. */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createDoor, type Door, type DoorSession } from './door.ts';
import type { EgressDecision } from './egress-policy.ts';

const A = { id: 'a0000000-0000-4000-8000-000000000000', token: 'token-of-session-a' };
const B = { id: 'b0000000-0000-4000-8000-000000000000', token: 'token-of-session-b' };

let root: string;
let door: Door;
let served: { url: string; session: DoorSession }[];
let runners: DoorSession[];
let denials: string[];
let resolutions: Record<string, string[]>;
let dialed: string[];
let decide: (host: string) => EgressDecision;
let echo: Server;
const opened: { destroy(): void }[] = [];

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'door-'));
	[served, runners, denials, dialed] = [[], [], [], []];
	resolutions = { 'allowed.example': ['93.184.215.14'] };
	decide = () => ({ allowed: true, reason: 'test' });
	echo = createServer((socket) => socket.pipe(socket));
	echo.listen(0, '127.0.0.1');
	await once(echo, 'listening');
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
			egress: (_sessionId, host) => decide(host),
			egressDenied: (sessionId, { host, port, reason }) =>
				denials.push(`${sessionId[0]} ${host}:${port} ${reason}`)
		},
		network: {
			resolve: async (host) => resolutions[host] ?? [],
			dial: (address, port) => {
				dialed.push(`${address}:${port}`);
				return connect((echo.address() as AddressInfo).port, '127.0.0.1');
			}
		}
	});
});

afterEach(async () => {
	for (const it of opened.splice(0)) it.destroy();
	await door.closeAll();
	echo.close();
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
	target: { socketPath?: string; port?: number },
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

interface Tunnel {
	status: number;
	socket: Socket;
}

async function tunnel(authority: string, token: string | null, id = A.id): Promise<Tunnel> {
	const req = request({
		socketPath: socketOf(id),
		method: 'CONNECT',
		path: authority,
		headers: token === null ? {} : { 'proxy-authorization': `Bearer ${token}` }
	});
	req.end();
	const [res, socket] = (await once(req, 'connect')) as [IncomingMessage, Socket];
	opened.push(socket);
	return { status: res.statusCode ?? 0, socket };
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
	['mcp', '/mcp', { authorization: `Bearer ${A.token}` }, 404],
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

test('an allowed CONNECT is a tunnel to the address that was checked', async () => {
	await openSession(A);
	resolutions['allowed.example'] = ['127.0.0.1', '93.184.215.14'];
	const { status, socket } = await tunnel('allowed.example:443', A.token);
	expect(status).toBe(200);
	expect(dialed).toEqual(['93.184.215.14:443']);
	socket.write('ping');
	const [data] = (await once(socket, 'data')) as [Buffer];
	expect(String(data)).toBe('ping');
	expect(denials).toEqual([]);
});

test('a denied host is a 403 with the reason, and an event', async () => {
	await openSession(A);
	decide = () => ({ allowed: false, reason: 'not on the list' });
	const { status } = await tunnel('evil.example:443', A.token);
	expect(status).toBe(403);
	expect(denials).toEqual(['a evil.example:443 not on the list']);
	expect(dialed).toEqual([]);
});

test.each([
	'127.0.0.1:443',
	'[::1]:443',
	'[::ffff:127.0.0.1]:443',
	'[::ffff:7f00:1]:443',
	'[64:ff9b::a9fe:a9fe]:443',
	'10.0.0.1:443',
	'192.168.65.7:443',
	'169.254.169.254:80',
	'[fd00:ec2::254]:80',
	'0.0.0.0:443',
	'2130706433:443',
	'0x7f000001:443',
	'017700000001:443',
	'127.1:443',
	'loopback.example:443',
	'mapped.example:443',
	'metadata.example:80'
])('CONNECT %s is refused even where the list would allow it', async (authority) => {
	await openSession(A);
	Object.assign(resolutions, {
		// What the system's resolver makes of such forms.
		'2130706433': ['127.0.0.1'],
		'0x7f000001': ['127.0.0.1'],
		'017700000001': ['127.0.0.1'],
		'127.1': ['127.0.0.1'],
		'loopback.example': ['127.0.0.1', '::1'],
		'mapped.example': ['::ffff:10.0.0.1'],
		'metadata.example': ['169.254.169.254']
	});
	expect((await tunnel(authority, A.token)).status).toBe(403);
	expect(denials).toHaveLength(1);
	expect(dialed).toEqual([]);
});

test('a private address is reached only where the decision says so', async () => {
	await openSession(A);
	resolutions['git.internal'] = ['10.0.0.5'];
	decide = () => ({ allowed: true, reason: 'own host', allowPrivate: true });
	expect((await tunnel('git.internal:22', A.token)).status).toBe(200);
	expect(dialed).toEqual(['10.0.0.5:22']);
});

test('CONNECT without the token, with a wrong one, or to no host', async () => {
	await openSession(A);
	await openSession(B);
	expect((await tunnel('allowed.example:443', null)).status).toBe(407);
	expect((await tunnel('allowed.example:443', B.token)).status).toBe(407);
	expect((await tunnel('allowed.example', A.token)).status).toBe(400);
	expect((await tunnel('unknown.example:443', A.token)).status).toBe(502);
	expect(denials).toEqual([]);
	expect(dialed).toEqual([]);
});

test('a plain http proxy request is denied and told', async () => {
	await openSession(A);
	const target = { socketPath: socketOf(A.id) };
	const proxy = { 'proxy-authorization': `Bearer ${A.token}` };
	expect((await ask(target, 'http://registry.npmjs.org/x', proxy)).status).toBe(403);
	expect((await ask(target, 'http://allowed.example:8080/', proxy)).status).toBe(403);
	expect((await ask(target, 'http://allowed.example/', {})).status).toBe(407);
	expect(denials).toEqual([
		expect.stringMatching(/^a registry\.npmjs\.org:80 plain http/),
		expect.stringMatching(/^a allowed\.example:8080 plain http/)
	]);
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
	const { socket } = await tunnel('allowed.example:443', A.token);
	const cut = once(socket, 'close');
	await openSession({ ...A, token: 'new-token' }, 2);
	expect((await closed)[0]).toBe(4001);
	await cut;
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

test('over TCP the token alone says which session it is', async () => {
	const { port } = await door.listenTcp();
	expect((await door.listenTcp()).port).toBe(port);
	await openSession(A);
	await openSession(B);
	await ask({ port }, '/model/v1/models', { 'x-api-key': B.token });
	expect(served.map(({ session }) => session.sessionId)).toEqual([B.id]);
	expect((await ask({ port }, '/model/v1/models', { 'x-api-key': 'nope' })).status).toBe(403);
	await door.close(B.id);
	expect((await ask({ port }, '/model/v1/models', { 'x-api-key': B.token })).status).toBe(403);
});
