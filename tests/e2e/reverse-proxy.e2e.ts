/** Debian's nginx with the block that `docs/operations.md` shows, in front of the built app. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import WebSocket from 'ws';
import { TestApp, until } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';

const NGINX = '/usr/sbin/nginx';
const NAME = 'agents.example.com';
const docs = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
const block = /```nginx\n([^`]*)```/.exec(docs)?.[1] ?? '';

let app: TestApp;
let folder: string;
let port: number;
let nginx: ChildProcess;

test.beforeAll(async () => {
	test.skip(!existsSync(NGINX), 'nginx is not installed: apt install nginx-light');
	folder = mkdtempSync(join(tmpdir(), 'am-nginx-'));
	app = await new TestApp({ ALLOWED_ORIGINS: `https://${NAME}` }).start();
	port = await freePort();
	const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
	const names = ['-subj', `/CN=${NAME}`, '-days', '2'];
	execFileSync('openssl', [
		...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
		...[...names, '-keyout', key, '-out', certificate]
	]);
	const site = block
		.replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
		.replace('http://127.0.0.1:3000', app.origin)
		.replace('/etc/ssl/agents.example.com.pem', certificate)
		.replace('/etc/ssl/agents.example.com.key', key);
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
		(name) => `${name}_temp_path ${join(folder, name)};`
	);
	writeFileSync(
		join(folder, 'nginx.conf'),
		`daemon off; master_process off; pid ${join(folder, 'pid')}; error_log stderr;
		events {} http { access_log off; ${temporary.join(' ')} ${site} }`
	);
	nginx = spawn(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit' });
	await until(async () => (await ask('/api/health').catch(() => null))?.status === 200, 'nginx');
});
test.afterAll(async () => {
	if (!app) return;
	const ended = once(nginx, 'exit');
	nginx.kill('SIGQUIT');
	await app.remove();
	await ended;
	rmSync(folder, { recursive: true, force: true });
});

const ask = (
	path: string,
	headers: Record<string, string> = {},
	body?: string
): Promise<{ status: number; text: string }> =>
	new Promise((resolve, reject) => {
		const options = { host: '127.0.0.1', port, path, servername: NAME, rejectUnauthorized: false };
		const sent = request(
			{
				...options,
				method: body === undefined ? 'GET' : 'POST',
				headers: { host: NAME, ...headers }
			},
			(response) => {
				let text = '';
				response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
				response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
			}
		);
		sent.on('error', reject).end(body);
	});

/** What `/ws` answers first through the proxy, or the status that it refused with. */
const firstFrame = (origin: string): Promise<string> =>
	new Promise((resolve, reject) => {
		const ws = new WebSocket(`wss://127.0.0.1:${port}/ws`, {
			rejectUnauthorized: false,
			headers: { host: NAME, origin, authorization: `Bearer ${app.token}` }
		});
		ws.on('unexpected-response', (_request, response) => resolve(`refused ${response.statusCode}`));
		ws.on('error', reject);
		ws.on('message', (data) => {
			resolve((JSON.parse((data as Buffer).toString()) as { kind: string }).kind);
			ws.close();
		});
		ws.on('open', () =>
			ws.send(
				'{"v":1,"kind":"subscribe","sessionId":null,"payload":{"type":"subscribe.repo_list"}}'
			)
		);
	});

test('pages, API and /ws pass, and the app still looks at who asks', async () => {
	expect((await ask('/sign-in')).text).toContain('<html');
	expect((await ask('/api/repos')).status).toBe(401);
	const authorization = `Bearer ${app.token}`;
	expect(await ask('/api/repos', { authorization })).toMatchObject({ status: 200 });
	const json = { authorization, 'content-type': 'application/json' };
	const from = (origin: string) => ask('/api/repos', { ...json, origin }, '{"url":"/nowhere"}');
	expect((await from(`https://${NAME}`)).status).toBe(400);
	expect((await from('https://elsewhere.example')).status).toBe(403);
	// As large as the app itself takes it.
	const large = JSON.stringify({ url: 'x'.repeat(4_000_000) });
	expect((await ask('/api/repos', json, large)).status).toBe(400);

	expect(await firstFrame(`https://${NAME}`)).toBe('ack');
	expect(await firstFrame('https://elsewhere.example')).toBe('refused 403');
});
