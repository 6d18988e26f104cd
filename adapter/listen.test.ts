import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listen, originOf, SERVER_NAME } from './listen.ts';

const HOST = '127.0.0.1';
const open: { close(): unknown }[] = [];

const server = (): Server => {
	const made = createServer();
	open.push(made);
	return made;
};

afterEach(() => {
	for (const each of open.splice(0)) each.close();
});

describe('a port that is taken', () => {
	it('names another Agent Manager, and how to start a second', async () => {
		const first = server().on('request', (_req, res) => {
			res.setHeader('server', SERVER_NAME).end();
		});
		const port = await listen(first, HOST, 0);
		await expect(listen(server(), HOST, port)).rejects.toMatchObject({
			message: `Agent Manager is already running at http://${HOST}:${port}.`,
			hint: expect.stringContaining(`PORT=${port === 65535 ? 3001 : port + 1} WORKSPACE_ROOT=`)
		});
	});

	it('names the port and how to choose another when a stranger has it', async () => {
		const port = await listen(
			server().on('request', (_req, res) => res.end()),
			HOST,
			0
		);
		await expect(listen(server(), HOST, port)).rejects.toMatchObject({
			message: `Port ${port} on ${HOST} is taken by another program.`,
			hint: expect.stringContaining('PORT=')
		});
	});

	it('does not wait for ever for a stranger that says nothing', async () => {
		const silent = createTcpServer();
		open.push(silent);
		await new Promise<void>((resolve) => silent.listen(0, HOST, resolve));
		const { port } = silent.address() as { port: number };
		await expect(listen(server(), HOST, port)).rejects.toThrow(/taken by another program/);
	});
});

it('says when the address is not of this machine', async () => {
	await expect(listen(server(), '192.0.2.1', 0)).rejects.toThrow(/no address of this machine/);
});

it.each([
	['127.0.0.1', 'http://127.0.0.1:3000'],
	['0.0.0.0', 'http://127.0.0.1:3000'],
	['::', 'http://[::1]:3000'],
	['::1', 'http://[::1]:3000'],
	['localhost', 'http://localhost:3000']
])('the address of %s is %s', (host, origin) => {
	expect(originOf(host, 3000)).toBe(origin);
});
