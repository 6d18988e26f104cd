import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkPort, checkWorkspace, judgeDisk } from './check-machine.ts';

async function listen(serverHeader: string | null): Promise<{ server: Server; port: number }> {
	const server = createServer((_request, response) => {
		if (serverHeader !== null) response.setHeader('server', serverHeader);
		response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return { server, port: (server.address() as AddressInfo).port };
}

describe('checkPort', () => {
	it('tells our own app from another program, and a free port from a taken one', async () => {
		const ours = await listen('agent-manager');
		const other = await listen(null);
		expect(await checkPort('127.0.0.1', ours.port)).toMatchObject({ status: 'ok' });
		expect(await checkPort('127.0.0.1', other.port)).toMatchObject({
			status: 'fail',
			advice: expect.stringContaining(`PORT=${other.port + 1}`)
		});
		await new Promise((resolve) => other.server.close(resolve));
		expect(await checkPort('127.0.0.1', other.port)).toMatchObject({ status: 'ok' });
		ours.server.close();
	});

	it('says that an address is none of this machine', async () => {
		expect(await checkPort('192.0.2.1', 3000)).toMatchObject({ status: 'fail' });
	});
});

describe('checkWorkspace', () => {
	let folder: string;
	beforeEach(async () => {
		folder = await mkdtemp(join(tmpdir(), 'am-doctor-'));
	});
	afterEach(() => rm(folder, { recursive: true, force: true }));

	it('leaves nothing behind', async () => {
		const checks = await checkWorkspace(folder);
		expect(checks.map(({ name, status }) => [name, status])).toEqual([
			['Workspace', 'ok'],
			['Disk', expect.any(String)],
			['Sign-in token', 'ok']
		]);
		expect(await readdir(folder)).toEqual([]);
		expect((await checkWorkspace(join(folder, 'a', 'b')))[0]).toMatchObject({ status: 'ok' });
		expect(await readdir(folder)).toEqual([]);
	});

	it('refuses a file in its place', async () => {
		await writeFile(join(folder, 'file'), '');
		expect(await checkWorkspace(join(folder, 'file'))).toMatchObject([{ status: 'fail' }]);
	});

	it.skipIf(process.platform !== 'linux')('refuses what cannot be written', async () => {
		expect((await checkWorkspace('/proc'))[0]).toMatchObject({ status: 'fail' });
	});

	it('warns of a token that others can read', async () => {
		await writeFile(join(folder, 'token'), 'secret');
		await chmod(join(folder, 'token'), 0o644);
		expect((await checkWorkspace(folder))[2]).toMatchObject({
			status: 'warn',
			advice: expect.stringContaining('chmod 600')
		});
		await chmod(join(folder, 'token'), 0o600);
		expect((await checkWorkspace(folder))[2]).toMatchObject({ status: 'ok' });
	});
});

describe('judgeDisk', () => {
	it.each([
		[100 * 2 ** 30, 'ok'],
		[2 * 2 ** 30, 'warn'],
		[2 ** 28, 'fail']
	])('%d bytes: %s', (bytes, status) => {
		expect(judgeDisk(bytes).status).toBe(status);
	});
});
