/** The way out, over real unix sockets: what a sandbox may reach and what it may not. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDoor, type Door } from './door.ts';
import type { EgressDecision } from './egress-policy.ts';

const A = { id: 'a0000000-0000-4000-8000-000000000000', token: 'token-of-session-a' };
const B = { id: 'b0000000-0000-4000-8000-000000000000', token: 'token-of-session-b' };

let root: string;
let door: Door;
let denials: string[];
let resolutions: Record<string, string[]>;
let dialed: string[];
/** Settles when denials can be written down. */
let written: Promise<void>;
let decide: (host: string) => EgressDecision;
let echo: Server;
const opened: { destroy(): void }[] = [];

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'door-'));
	[denials, dialed, written] = [[], [], Promise.resolve()];
	resolutions = { 'allowed.example': ['93.184.215.14'] };
	decide = () => ({ allowed: true, reason: 'test' });
	echo = createServer((socket) => socket.pipe(socket));
	echo.listen(0, '127.0.0.1');
	await once(echo, 'listening');
	door = createDoor({
		logger: pino({ level: 'silent' }),
		handlers: {
			runner: (socket) => socket.close(),
			mcp: (_req, res) => void res.end(),
			model: (_req, res) => void res.end(),
			attachment: (id, res) => void res.end(id),
			egress: (_sessionId, host) => decide(host),
			egressDenied: async (sessionId, { host, port, reason }) => {
				await written;
				denials.push(`${sessionId[0]} ${host}:${port} ${reason}`);
			}
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

test('denials that are not written down yet are bounded: until they are, nothing more is looked at', async () => {
	await openSession(A);
	decide = () => ({ allowed: false, reason: 'not on the list' });
	let write = (): void => undefined;
	written = new Promise((resolve) => (write = resolve));
	const proxied = { 'proxy-authorization': `Bearer ${A.token}` };
	const plain = (): Promise<Answer> =>
		ask({ socketPath: socketOf(A.id) }, 'http://evil.example/', proxied);
	for (let count = 0; count < 128; count += 2) {
		const { status, socket } = await tunnel('evil.example:443', A.token);
		expect(status).toBe(403);
		socket.destroy();
		expect((await plain()).status).toBe(403);
	}
	expect((await tunnel('evil.example:443', A.token)).status).toBe(503);
	expect((await plain()).status).toBe(503);
	write();
	await expect.poll(() => denials.length).toBe(128);
	expect((await tunnel('evil.example:443', A.token)).status).toBe(403);
	await expect.poll(() => denials.length).toBe(129);
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

test('a new token ends the tunnels of the old one', async () => {
	await openSession(A);
	const { socket } = await tunnel('allowed.example:443', A.token);
	const cut = once(socket, 'close');
	await door.open(A.id, { directory: directoryOf(A.id), token: 'new-token', epoch: 2 });
	await cut;
	expect((await tunnel('allowed.example:443', A.token)).status).toBe(407);
});

test('either side that goes away takes the other with it', async () => {
	await openSession(A);
	let upstream: Socket | null = null;
	const accepted = new Promise<void>((resolve) => {
		echo.once('connection', (socket: Socket) => {
			upstream = socket;
			resolve();
		});
	});
	const first = await tunnel('allowed.example:443', A.token);
	await accepted;
	const closed = once(upstream!, 'close');
	first.socket.destroy();
	await closed;
	const reaccepted = once(echo, 'connection') as Promise<[Socket]>;
	const second = await tunnel('allowed.example:443', A.token);
	const [peer] = await reaccepted;
	const ended = once(second.socket, 'close');
	peer.destroy();
	await ended;
});
