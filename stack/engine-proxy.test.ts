/** The proxy before an engine of the test's own, which writes down what reaches it. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionContainer } from '#lib/server/runner/sandbox/docker-container.ts';
import { STACK_LABEL } from './container-options.ts';
import { engineAt } from './engine-client.ts';
import { createEngineProxy } from './engine-proxy.ts';

const SESSION = '11111111-2222-4333-8444-555555555555';
const OURS = 'a'.repeat(64);
const FOREIGN = 'b'.repeat(64);
const OUR_EXEC = 'c'.repeat(64);
const FOREIGN_EXEC = 'd'.repeat(64);

let folder: string;
let workspace: string;
let engine: Server;
let proxy: Server;
let reached: string[];
let said: string[];
let bodies: string[];

const listen = (server: Server, path: string): Promise<void> =>
	new Promise((resolve) => server.listen(path, resolve));
const close = (server: Server): Promise<unknown> => {
	server.closeAllConnections();
	return new Promise((resolve) => server.close(resolve));
};

const containerJson = (id: string, stack: string): object => ({
	...{ Id: id, Config: { Labels: { [STACK_LABEL]: stack } } },
	HostConfig: { Mounts: [{ Source: join(workspace, 'worktrees', SESSION) }] }
});

const answers = (url: string): object | null => {
	if (url.startsWith('/containers/ours/json') || url === `/containers/${OURS}/json`) {
		return containerJson(OURS, workspace);
	}
	if (url.startsWith('/containers/foreign/json') || url === `/containers/${FOREIGN}/json`) {
		return containerJson(FOREIGN, '/home/other/am');
	}
	if (url === `/exec/${OUR_EXEC}/json`) return { ContainerID: OURS };
	if (url === `/exec/${FOREIGN_EXEC}/json`) return { ContainerID: FOREIGN };
	return null;
};

/** Not the questions that the proxy asks before. */
const write = ({ method, url }: IncomingMessage): void => void reached.push(`${method} ${url}`);

const engineOfTest = (): Server => {
	const server = createServer((asked, answer) => {
		const known = asked.method === 'GET' ? answers(asked.url ?? '') : null;
		if (known) return answer.end(JSON.stringify(known));
		if (asked.url?.includes('missing'))
			return answer.writeHead(404).end('{"message":"No such container"}');
		write(asked);
		let body = '';
		asked.on('data', (chunk: Buffer) => (body += chunk.toString()));
		return asked.on('end', () => {
			bodies.push(body);
			answer.end('{"Id":"made"}');
		});
	});
	// A program that says back what it is told, or, for one that does not run, an ordinary answer.
	server.on('upgrade', (asked: IncomingMessage, socket) => {
		write(asked);
		socket.on('end', () => socket.end());
		if (asked.url?.includes('stdin=0')) {
			socket.on('data', (more: Buffer) => reached.push(`then ${more.toString()}`));
			return socket.write('HTTP/1.1 409 Conflict\r\ncontent-length: 15\r\n\r\n{"message":"x"}');
		}
		socket.write('HTTP/1.1 101 UPGRADED\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\nhello ');
		return socket.pipe(socket);
	});
	return server;
};

beforeEach(async () => {
	[reached, said, bodies] = [[], [], []];
	folder = await mkdtemp(join(tmpdir(), 'am-proxy-'));
	workspace = join(folder, 'workspace');
	await mkdir(join(workspace, 'worktrees', SESSION), { recursive: true });
	await mkdir(join(workspace, 'sessions', SESSION, 'door'), { recursive: true });
	await mkdir(join(workspace, 'repos/o/n.git/objects'), { recursive: true });
	engine = engineOfTest();
	await listen(engine, join(folder, 'engine.sock'));
	proxy = createEngineProxy({
		engine: engineAt(join(folder, 'engine.sock')),
		rules: { image: 'sandbox', workspace, owner: '1000:1000' },
		grant: 'sandboxes',
		socketName: '/run/the-engine.sock',
		say: (line) => said.push(line)
	});
	await listen(proxy, join(folder, 'proxy.sock'));
});
afterEach(async () => {
	await close(proxy);
	await close(engine);
	await rm(folder, { recursive: true });
});

const ask = (
	method: string,
	path: string,
	body?: unknown
): Promise<{ status: number; text: string }> =>
	new Promise((resolve, reject) => {
		const asking = request({ socketPath: join(folder, 'proxy.sock'), method, path, agent: false });
		asking.on('error', reject);
		asking.on('response', (answer) => {
			let text = '';
			answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
			answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
		});
		asking.end(
			body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
		);
	});

/** Bytes as they are, and all that comes back until the other side is done or `until` has come. */
const raw = (bytes: string, until = /never/): Promise<string> =>
	new Promise((resolve, reject) => {
		const socket = connect(join(folder, 'proxy.sock'));
		let text = '';
		socket.on('data', (chunk: Buffer) => {
			text += chunk.toString();
			if (until.test(text)) socket.end();
		});
		socket.on('error', reject);
		socket.on('close', () => resolve(text));
		socket.write(bytes);
	});

const container = (): unknown =>
	JSON.parse(
		JSON.stringify(
			sessionContainer(
				{
					labels: { instance: SESSION, session: SESSION, epoch: 1 },
					worktreePath: join(workspace, 'worktrees', SESSION),
					mirrorObjectsPath: join(workspace, 'repos/o/n.git/objects'),
					sessionFolder: join(workspace, 'sessions', SESSION),
					doorDirectory: join(workspace, 'sessions', SESSION, 'door'),
					env: {},
					limits: { cpus: 1, memoryBytes: 1 << 20, pids: 9 }
				},
				...(['sandbox', { uid: 1000, gid: 1000 }, '/home', null, 'boot'] as const)
			)
		)
	);

describe('what is let through', () => {
	it('reaches the engine as the proxy writes it, with the container’s own id', async () => {
		expect(
			(await ask('POST', '/containers/ours/kill?signal=SIGKILL&more=1', 'a body')).status
		).toBe(200);
		expect(reached).toEqual([`POST /containers/${OURS}/kill?signal=SIGKILL`]);
		expect(bodies).toEqual(['']);
	});

	it('has the stack’s label on what it makes', async () => {
		expect(
			(await ask('POST', `/containers/create?name=agent-session-${SESSION}`, container())).status
		).toBe(200);
		expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ Labels: { [STACK_LABEL]: workspace } });
	});

	it('gets the engine’s own answer about what is not there', async () => {
		const answer = await ask('GET', '/containers/missing/json');
		expect(answer).toEqual({ status: 404, text: '{"message":"No such container"}' });
	});
});

describe('what is refused', () => {
	it.each([
		['GET', '/containers/foreign/json'],
		['GET', `/containers/${FOREIGN}/logs`],
		['POST', '/containers/foreign/kill'],
		['POST', '/containers/foreign/start'],
		['POST', '/containers/foreign/exec'],
		['DELETE', '/containers/foreign?force=1'],
		['GET', `/exec/${FOREIGN_EXEC}/json`],
		['POST', '/containers/create'],
		['POST', '/images/create']
	])('%s %s never reaches the engine', async (method, path) => {
		const answer = await ask(method, path, method === 'POST' ? {} : undefined);
		expect(answer.status).toBe(403);
		expect(answer.text).toContain('The proxy of the engine refuses');
		expect(said).toHaveLength(1);
		expect(reached).toEqual([]);
	});

	it('is a mount that leads out of the workspace by a link, when it is made and when it starts', async () => {
		await rm(join(workspace, 'worktrees', SESSION), { recursive: true });
		await symlink('/etc', join(workspace, 'worktrees', SESSION));
		expect((await ask('POST', '/containers/create', container())).status).toBe(403);
		expect((await ask('POST', '/containers/ours/start')).status).toBe(403);
		expect(reached).toEqual([]);
	});

	it('is a body that says a thing twice, in so far as the engine would see the other one', async () => {
		const text = JSON.stringify(container()).replace(
			'"Privileged":false',
			'"Privileged":true,"Privileged":false'
		);
		expect((await ask('POST', '/containers/create', text)).status).toBe(200);
		expect(bodies[0]).not.toContain('"Privileged":true');
	});
});

describe('a connection that is taken over', () => {
	const upgrade = (path: string, body = '', more = ''): string =>
		`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: tcp\r\n` +
		`content-length: ${body.length}\r\n\r\n${body}${more}`;

	it('carries bytes both ways, with what came early', async () => {
		const text = await raw(
			upgrade('/containers/ours/attach?stream=true&stdin=1', '{"x":1}', 'early'),
			/early/
		);
		expect(text).toMatch(/^HTTP\/1\.1 101 [^]*hello early$/);
		expect(reached).toEqual([`POST /containers/${OURS}/attach?stream=true&stdin=1`]);
	});

	it('starts a program in a container of ours only', async () => {
		expect(
			await raw(upgrade(`/exec/${OUR_EXEC}/start`, '{"Privileged":true}', 'in'), /hello [^]*in/)
		).toContain('101');
		expect(await raw(upgrade(`/exec/${FOREIGN_EXEC}/start`))).toContain('403');
		expect(await raw(upgrade('/containers/foreign/attach'))).toContain('403');
		expect(await raw(upgrade('/containers/create'))).toContain('403');
		expect(reached).toEqual([`POST /exec/${OUR_EXEC}/start`]);
	});

	it('is closed when the engine does not take it over, so that no second request can follow', async () => {
		const second = 'POST /containers/create HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';
		const text = await raw(upgrade('/containers/ours/attach?stdin=0', '', second));
		expect(text).toMatch(/^HTTP\/1\.1 409 /);
		expect(reached).toEqual([`POST /containers/${OURS}/attach?stdin=0`]);
	});

	it('needs a body of a known length', async () => {
		const chunked = upgrade('/containers/ours/attach').replace(
			'content-length: 0',
			'transfer-encoding: chunked'
		);
		expect(await raw(chunked)).toContain('403');
	});
});

it('says which socket does not answer when the engine is gone', async () => {
	await close(engine);
	const answer = await ask('GET', '/version');
	expect(answer.status).toBe(502);
	expect(JSON.parse(answer.text).message).toContain('does not answer at /run/the-engine.sock');
});
