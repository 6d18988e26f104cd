import { mkdtempSync, rmSync } from 'node:fs';
import { Agent as HttpAgent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeDoor } from '../test-support/fake-door.ts';
import { authorizeHead, startRelay, type Relay } from './relay.ts';

const agent = {
	role: 'implementer',
	model: null,
	effort: null,
	permissionMode: 'full',
	systemPromptAppend: '',
	conversationId: '7b0c1e0e-8a53-4a0e-9a53-0a3f8a8f0c11',
	fork: null,
	rewound: null
} as const;

let folder = '';
let door: FakeDoor;
let relay: Relay;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'relay-'));
	door = new FakeDoor(join(folder, 'door', 'door.sock'), agent, (incoming, response) => {
		incoming.pipe(response);
	});
	await door.open();
	relay = await startRelay({
		door: { folder: dirname(door.socketPath), socketPath: door.socketPath },
		token: 'secret',
		port: 0
	});
});
afterEach(async () => {
	relay.close();
	await door.kill();
	rmSync(folder, { recursive: true, force: true });
});

const echo = (said: string, http?: HttpAgent): Promise<string> =>
	new Promise((resolve, reject) => {
		const options = { host: '127.0.0.1', port: relay.port, path: '/model/echo', method: 'POST' };
		request({ ...options, agent: http }, (response) => resolve(text(response)))
			.on('error', reject)
			.end(said);
	});

describe('relay', () => {
	it('carries requests and answers, also several over one connection', async () => {
		const keepAlive = new HttpAgent({ keepAlive: true, maxSockets: 1 });
		const large = 'x'.repeat(3_000_000);
		expect(await echo('first', keepAlive)).toBe('first');
		expect((await echo(large, keepAlive)) === large).toBe(true);
		keepAlive.destroy();
	});

	it('puts the token into a CONNECT, even one that comes in pieces', async () => {
		const socket = connect(relay.port, '127.0.0.1');
		const answer = text(socket);
		const head = 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n';
		for (const byte of head) {
			await new Promise((resolve) => socket.write(byte, resolve));
		}
		expect(await answer).toContain('403');
		expect(door.connects).toEqual([{ url: 'example.com:443', authorization: 'Bearer secret' }]);
	});

	it('waits for a door that is being made again', async () => {
		await door.kill();
		const answer = echo('still here');
		await door.open();
		expect(await answer).toBe('still here');
	});

	it('gives up when nobody waits any more', async () => {
		await door.kill();
		const socket = connect(relay.port, '127.0.0.1');
		await new Promise((resolve) => socket.write('GET / HTTP/1.1\r\n\r\n', resolve));
		socket.destroy();
		await door.open();
		expect(await echo('next')).toBe('next');
	});
});

describe('the head of a connection', () => {
	const authorized = (head: string): string | undefined =>
		authorizeHead(Buffer.from(head), 'T')?.toString();

	it('gets the token only as a proxy request', () => {
		expect(authorized('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')).toBe(
			'CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Bearer T\r\nHost: a\r\n\r\n'
		);
		expect(authorized('GET http://a/ HTTP/1.1\r\n\r\n')).toBe(
			'GET http://a/ HTTP/1.1\r\nProxy-Authorization: Bearer T\r\n\r\n'
		);
		expect(authorized('POST /model/x HTTP/1.1\r\n\r\n')).toBe('POST /model/x HTTP/1.1\r\n\r\n');
	});

	it('is waited for, but not for ever', () => {
		expect(authorizeHead(Buffer.from('CONN'), 'T')).toBeNull();
		expect(authorizeHead(Buffer.alloc(20_000, 'x'), 'T')).toHaveLength(20_000);
	});
});
