/** The commands a person types: `npm start` and `npm run dev`, what they print and how they end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { WebSocket } from 'ws';
import { ENVELOPE_VERSION } from '../../packages/protocol/src/protocol-version.ts';
import { until } from '../support/app.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

interface Started {
	child: ChildProcess;
	home: string;
	output: () => string;
	/** Resolves with the exit code, or the signal's name. */
	ended: Promise<number | string>;
}

const started: Started[] = [];
const folders: string[] = [];

const newFolder = (): string => {
	const folder = mkdtempSync(join(tmpdir(), 'am-start-'));
	folders.push(folder);
	return folder;
};

function start(
	args: string[],
	env: Record<string, string>,
	cwd = ROOT,
	home = newFolder()
): Started {
	const { PATH = '' } = process.env;
	const child = spawn(process.execPath, args, {
		cwd,
		env: { PATH, HOME: home, ...env },
		stdio: ['ignore', 'pipe', 'pipe']
	});
	let text = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
	}
	const ended = new Promise<number | string>((resolve) =>
		child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
	);
	const made = { child, home, output: () => text, ended };
	started.push(made);
	return made;
}

const linkOf = (app: Started, timeoutMs = 60_000): Promise<string> =>
	until(
		async () => {
			if (app.child.exitCode !== null) throw new Error(`it ended: ${app.output()}`);
			return /ready:\s+(http\S+)/.exec(app.output())?.[1];
		},
		'the link',
		timeoutMs
	);

/** The first frame that `/ws` sends after a subscription, to who has the token. */
const firstFrame = (origin: string, token: string): Promise<{ kind: string }> =>
	new Promise((resolve, reject) => {
		const ws = new WebSocket(`${origin.replace('http', 'ws')}/ws`, {
			headers: { authorization: `Bearer ${token}` }
		});
		const payload = { type: 'subscribe.repo_list' };
		const frame = {
			v: ENVELOPE_VERSION,
			kind: 'subscribe',
			sessionId: null,
			ts: new Date().toISOString(),
			seq: 1
		};
		ws.on('open', () => ws.send(JSON.stringify({ ...frame, payload })));
		ws.on('message', (data) => {
			ws.close();
			resolve(JSON.parse(String(data)));
		});
		ws.on('error', reject);
	});

const tokenIn = (home: string): string =>
	readFileSync(join(home, '.agent-manager', 'token'), 'utf8').trim();

test.afterEach(async () => {
	for (const { child, ended } of started.splice(0)) {
		child.kill('SIGTERM');
		await ended;
	}
	for (const folder of folders.splice(0)) {
		rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
	}
});

test('a start with nothing to do prints the link and nothing else, and ends cleanly', async () => {
	const home = newFolder();
	const first = start(['scripts/start.mjs', '--port', '0'], {}, ROOT, home);
	await linkOf(first);
	first.child.kill('SIGINT');
	expect(await first.ended).toBe(0);

	const second = start(['scripts/start.mjs'], { PORT: '0' }, ROOT, home);
	const link = await linkOf(second);
	expect(second.output().trim()).toBe(`Agent Manager is ready:  ${link}`);
	expect((await fetch(link)).status).toBe(200);
	second.child.kill('SIGTERM');
	expect(await second.ended).toBe(0);
	expect(() => readFileSync(join(home, '.agent-manager/postgres/data/postmaster.pid'))).toThrow();
});

test('a port that is taken is named, and by whom', async () => {
	const first = start(['build'], { PORT: '0' });
	const { port } = new URL(await linkOf(first));
	const second = start(['build'], { PORT: port });
	expect(await second.ended).toBe(1);
	expect(second.output()).toContain(`already running at http://127.0.0.1:${port}`);

	const stranger = createServer((socket) => socket.destroy());
	await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
	const taken = String((stranger.address() as AddressInfo).port);
	const third = start(['build'], { PORT: taken });
	expect(await third.ended).toBe(1);
	expect(third.output()).toContain(`Port ${taken} on 127.0.0.1 is taken`);
	stranger.close();
});

for (const args of [['build'], ['scripts/start.mjs'], ['scripts/dev.mjs', '--port', '0']]) {
	test(`${args.join(' ')} stops at a bad setting, with what is allowed`, async () => {
		const app = start(args, { PORT: 'eighty' });
		expect(await app.ended).toBe(1);
		expect(app.output()).toContain('PORT is "eighty". It must be a whole number from 0 to 65535');
		expect(app.output()).not.toContain('    at ');
	});
}

test('development serves pages, API and /ws', async () => {
	const app = start(['scripts/dev.mjs', '--port', '0'], {});
	const { origin } = new URL(await linkOf(app, 100_000));
	expect((await fetch(`${origin}/sign-in`)).status).toBe(200);
	expect(await (await fetch(`${origin}/api/health`)).json()).toMatchObject({ status: 'ok' });
	expect(await firstFrame(origin, tokenIn(app.home))).toMatchObject({ kind: 'ack' });
	app.child.kill('SIGTERM');
	expect(await app.ended).toBe(0);
});
