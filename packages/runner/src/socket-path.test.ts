import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { reachableSocketPath } from './socket-path.ts';

const root = mkdtempSync(join(tmpdir(), 'am-path-'));
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('leaves a short path as it is', () => {
	expect(reachableSocketPath('/a/door.sock')).toBe('/a/door.sock');
});

it('reaches a socket that lies deeper than the kernel takes', async () => {
	const folder = join(root, ...Array.from({ length: 20 }, () => 'a-long-folder-name'));
	mkdirSync(folder, { recursive: true });
	const path = reachableSocketPath(join(folder, 'door.sock'));
	const server = createServer((socket) => socket.end('hello'));
	await new Promise<void>((resolve) => server.listen(path, resolve));
	const said = await new Promise<string>((resolve, reject) => {
		const socket = connect(path);
		socket.on('data', (data) => resolve(data.toString()));
		socket.on('error', reject);
	});
	expect(said).toBe('hello');
	await new Promise((resolve) => server.close(resolve));
});
