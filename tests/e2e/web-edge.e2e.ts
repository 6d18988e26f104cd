/** The app's edge under attack: every route without a token, foreign hosts and origins, odd frames. */
import { request as httpRequest } from 'node:http';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import WebSocket from 'ws';
import { ENVELOPE_VERSION } from '../../packages/protocol/src/protocol-version.ts';
import { PLAIN_COMMANDS } from '../../src/lib/domain/plain-command.ts';
import { OPERATIONS } from '../../src/lib/server/api/openapi.ts';
import { TestApp, until } from '../support/app.ts';
import { gitIn, tempFolder, writeFiles } from '../support/git-fixture.ts';

let app: TestApp;
const repo = tempFolder('repo');
let repoId: string;
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

test.beforeAll(async () => {
	gitIn(repo.path, 'init', '--quiet', '--initial-branch=main');
	writeFiles(repo.path, { 'a.txt': 'a\n' });
	gitIn(repo.path, 'add', '--all');
	gitIn(repo.path, 'commit', '--quiet', '-m', 'Begin');
	app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	repoId = (await app.addRepo(repo.path)).id;
});
test.afterAll(async () => {
	await app.remove();
	repo.remove();
});

/** A request as no browser would send it: any host, any origin. */
const raw = (
	method: string,
	path: string,
	headers: Record<string, string>,
	body?: string
): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> =>
	new Promise((resolve, reject) => {
		const { hostname, port } = new URL(app.origin);
		const req = httpRequest({ hostname, port, method, path, headers }, (res) => {
			let text = '';
			res.on('data', (chunk: Buffer) => (text += chunk.toString()));
			res.on('end', () =>
				resolve({ status: res.statusCode ?? 0, body: text, headers: res.headers })
			);
		});
		req.on('error', reject);
		req.end(body);
	});

const bearer = () => ({ authorization: `Bearer ${app.token}` });
const host = () => new URL(app.origin).host;
const pathFor = (path: string) => path.replace('{id}', UNKNOWN).replace('{seq}', '1');

test('the routes that exist are the ones that are described', () => {
	const folder = join(import.meta.dirname, '../../src/routes/api');
	const routes = (readdirSync(folder, { recursive: true }) as string[])
		.filter((name) => name.endsWith('+server.ts'))
		.map((name) => `/api/${name.replace(/\/?\+server\.ts$/, '')}`.replaceAll(/\[(\w+)\]/g, '{$1}'))
		.flatMap((path) =>
			path.includes('[command=')
				? PLAIN_COMMANDS.map((command) => path.replace(/\[command=\w+\]/, command))
				: [path]
		);
	expect(routes.sort()).toEqual(Object.keys(OPERATIONS).sort());
});

test('no route answers without a token, and none with a wrong one', async () => {
	for (const [path, methods] of Object.entries(OPERATIONS)) {
		for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'PATCH']) {
			const operation = methods[method.toLowerCase() as 'get'];
			if (operation?.open || path === '/api/health' || path === '/api/sign-in') continue;
			for (const authorization of [undefined, 'Bearer ', 'Bearer wrong', `Basic ${app.token}`]) {
				const headers = { host: host(), ...(authorization ? { authorization } : {}) };
				const { status, body } = await raw(method, pathFor(path), headers);
				expect(`${method} ${path} ${authorization}: ${status}`).toMatch(/: (401|403)$/);
				expect(body).not.toContain(app.token);
			}
		}
	}
});

test('no route fails inside for ids that are none', async () => {
	const ids = ['0', '-1', '..%2fx', "'%20OR%201=1--", '__proto__', '[]', UNKNOWN, 'x'.repeat(3000)];
	for (const [path, methods] of Object.entries(OPERATIONS)) {
		if (!path.includes('{id}')) continue;
		for (const method of Object.keys(methods)) {
			for (const id of ids) {
				const at = path.replace('{id}', id).replace('{seq}', '1');
				const body = method === 'post' ? '{}' : undefined;
				const headers = { host: host(), ...bearer(), 'content-type': 'application/json' };
				const answer = await raw(method.toUpperCase(), at, headers, body);
				expect(`${method} ${at} ${answer.status}`).toMatch(/ (400|404|405|409)$/);
				expect(JSON.parse(answer.body).error.code, at).toBeTruthy();
			}
		}
	}
});

test('foreign hosts and origins are refused, body-less and simple requests included', async () => {
	const evil = 'http://evil.example';
	const origins = [
		evil,
		'null',
		'http://localhost.evil.example',
		`${app.origin}.evil.example`,
		app.origin.replace('http:', 'https:'),
		'http://127.0.0.1:1'
	];
	for (const origin of origins) {
		for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded']) {
			const headers = {
				host: host(),
				origin,
				...bearer(),
				...(type ? { 'content-type': type } : {})
			};
			const path = `/api/repos/${repoId}/refresh`;
			expect((await raw('POST', path, headers)).status, `${origin} ${type}`).toBe(403);
		}
		const preflight = await raw('OPTIONS', '/api/repos', { host: host(), origin });
		expect(preflight.status).toBe(403);
		expect(preflight.headers['access-control-allow-origin']).toBeUndefined();
	}
	for (const name of ['evil.example', `evil.example:${new URL(app.origin).port}`, '0.0.0.0:3000']) {
		for (const [method, path] of [
			['GET', '/'],
			['GET', '/api/repos'],
			['DELETE', `/api/repos/${repoId}`]
		] as const) {
			const answer = await raw(method, path, { host: name, ...bearer() });
			expect(answer.status, `${method} ${path} under ${name}`).toBe(403);
		}
	}
	const foreignSite = { host: host(), ...bearer(), 'sec-fetch-site': 'cross-site' };
	expect((await raw('POST', `/api/repos/${repoId}/refresh`, foreignSite)).status).toBe(403);
});

test('a cookie counts for changes only when our own page sends it', async () => {
	const signedIn = await raw('GET', new URL(app.link).pathname + new URL(app.link).search, {
		host: host()
	});
	expect(signedIn.status).toBe(303);
	const setCookie = String(signedIn.headers['set-cookie']);
	expect(setCookie).toMatch(/HttpOnly/i);
	expect(setCookie).toMatch(/SameSite=Strict/i);
	expect(setCookie).not.toContain(app.token);
	const cookie = setCookie.split(';')[0] ?? '';
	expect((await raw('GET', '/api/repos', { host: host(), cookie })).status).toBe(200);
	const path = `/api/repos/${repoId}/refresh`;
	expect((await raw('POST', path, { host: host(), cookie })).status).toBe(401);
	expect((await raw('POST', path, { host: host(), cookie, origin: app.origin })).status).toBe(202);
});

test('pages and answers carry headers that keep foreign content out', async () => {
	for (const path of ['/sign-in', '/api/health']) {
		const { headers } = await raw('GET', path, { host: host() });
		const policy = String(headers['content-security-policy']);
		expect(policy).toContain("frame-ancestors 'none'");
		expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/);
		expect(headers['x-content-type-options']).toBe('nosniff');
		expect(headers['referrer-policy']).toBe('no-referrer');
	}
});

test('only the owner can read the token, and nothing but loopback listens', async () => {
	expect(statSync(join(app.workspace, 'token')).mode & 0o777).toBe(0o600);
	expect(statSync(join(app.workspace, 'secret')).mode & 0o777).toBe(0o600);
	expect(new URL(app.origin).hostname).toBe('127.0.0.1');
});

interface Upgrade {
	status: number;
	socket: WebSocket | null;
}
const upgrade = (headers: Record<string, string>): Promise<Upgrade> =>
	new Promise((resolve) => {
		const socket = new WebSocket(app.origin.replace('http', 'ws') + '/ws', { headers });
		socket.on('open', () => resolve({ status: 101, socket }));
		socket.on('unexpected-response', (_request, response) => {
			response.resume();
			resolve({ status: response.statusCode ?? 0, socket: null });
		});
		socket.on('error', () => undefined);
	});

test('/ws is refused before 101 to whom the API is', async () => {
	const cases: [Record<string, string>, number][] = [
		[{}, 401],
		[{ authorization: 'Bearer wrong' }, 401],
		[{ ...bearer(), origin: 'http://evil.example' }, 403],
		[{ ...bearer(), host: 'evil.example' }, 403],
		[{ origin: app.origin }, 401],
		[bearer(), 101]
	];
	for (const [headers, expected] of cases) {
		const { status, socket } = await upgrade(headers);
		socket?.terminate();
		expect(status, JSON.stringify(headers)).toBe(expected);
	}
});

test('odd frames are answered with what is wrong, and end nothing', async () => {
	const { socket } = await upgrade(bearer());
	if (!socket) throw new Error('no socket');
	const frames: { kind: string; payload: { re: string; error?: { code: string } } }[] = [];
	socket.on('message', (data) => frames.push(JSON.parse((data as Buffer).toString())));
	const envelope = (payload: object, more: object = {}) =>
		JSON.stringify({ v: ENVELOPE_VERSION, kind: 'command', sessionId: null, payload, ...more });
	const odd: [string | Buffer, string][] = [
		['not json', 'bad_request'],
		['[]', 'unsupported_protocol'],
		['null', 'unsupported_protocol'],
		[Buffer.from([0, 1, 2]), 'bad_request'],
		[JSON.stringify({ v: 2, kind: 'command' }), 'unsupported_protocol'],
		[envelope({ type: 'no.such.thing' }), 'bad_request'],
		[envelope({ type: 'session.stop', sessionId: 'x' }), 'bad_request'],
		[envelope({ type: 'session.stop', sessionId: UNKNOWN }), 'session_not_found'],
		[envelope({ type: 'subscribe.session', sessionId: UNKNOWN }), 'session_not_found'],
		[envelope({ type: 'session.start', repoId, goalPrompt: ' ' }), 'bad_request'],
		[envelope({ type: 'session.start', repoId: UNKNOWN, goalPrompt: 'x' }), 'repo_not_found']
	];
	for (const [frame, code] of odd) {
		const before = frames.length;
		socket.send(frame);
		await until(async () => frames.length > before, `an answer to ${String(frame)}`);
		expect(frames.at(-1), String(frame)).toMatchObject({
			kind: 'error',
			payload: { error: { code } }
		});
	}
	socket.send(envelope({ type: 'subscribe.repo_list' }, { kind: 'subscribe' }));
	await until(async () => frames.some(({ kind }) => kind === 'snapshot'), 'the snapshot');
	const closed = new Promise<number>((resolve) => socket.on('close', resolve));
	socket.send('x'.repeat(5 * 1_048_576));
	expect(await closed).toBe(1009);
	expect((await app.api('GET', '/api/repos')).status).toBe(200);
});

test('bad requests say which field and what it must be', async () => {
	const marker = join(app.home, 'marker');
	const sessions = `/api/repos/${repoId}/sessions`;
	const cases: [string, string, unknown, number, string][] = [
		['POST', '/api/repos', {}, 400, 'bad_request'],
		['POST', '/api/repos', { url: 'owner/name', extra: 1 }, 400, 'bad_request'],
		['POST', '/api/repos', { url: '/no/such/folder' }, 400, 'repo_path_invalid'],
		['POST', '/api/repos', { url: `--upload-pack=touch ${marker}` }, 400, 'repo_url_invalid'],
		['POST', '/api/repos', { url: `ext::sh -c touch% ${marker}` }, 400, 'repo_url_invalid'],
		['POST', '/api/repos', { url: 'https://user:pass@github.com/o/r' }, 400, 'repo_url_invalid'],
		['POST', '/api/repos', { url: 'https://127.0.0.1/x/y' }, 400, 'repo_host_not_allowed'],
		['POST', '/api/repos', { url: repo.path }, 409, 'repo_exists'],
		['POST', '/api/repos', { url: app.workspace }, 400, 'repo_path_invalid'],
		['POST', sessions, { goalPrompt: '' }, 400, 'bad_request'],
		['POST', sessions, { goalPrompt: 'x'.repeat(1_048_577) }, 400, 'bad_request'],
		['POST', sessions, { goalPrompt: 'x', baseBranch: 'nope' }, 404, 'base_branch_not_found'],
		['POST', sessions, { goalPrompt: 'x', branchSuffix: 'a b' }, 400, 'branch_invalid'],
		['POST', sessions, { goalPrompt: 'x', branchSuffix: '../x' }, 400, 'branch_invalid'],
		[
			'POST',
			sessions,
			{ goalPrompt: 'x', branchSuffix: `$(touch ${marker})` },
			400,
			'branch_invalid'
		],
		['POST', sessions, { goalPrompt: 'x', model: '; rm -rf' }, 400, 'bad_request'],
		['POST', sessions, { goalPrompt: 'x', role: 'boss' }, 400, 'bad_request'],
		['GET', `/api/repos/${UNKNOWN}`, undefined, 404, 'repo_not_found'],
		['GET', '/api/repos/github?page=0', undefined, 400, 'bad_request'],
		['GET', '/api/nothing', undefined, 404, 'not_found'],
		['PUT', '/api/repos', {}, 405, 'method_not_allowed']
	];
	for (const [method, path, body, status, code] of cases) {
		const answer = await app.api(method, path, body);
		expect([path, body, answer.status, answer.body.error?.code]).toEqual([
			path,
			body,
			status,
			code
		]);
	}
	expect(existsSync(marker)).toBe(false);
	const broken = await raw(
		'POST',
		'/api/repos',
		{ host: host(), ...bearer(), 'content-type': 'application/json' },
		'{'
	);
	expect([broken.status, JSON.parse(broken.body).error.code]).toEqual([400, 'bad_request']);
	const huge = await raw(
		'POST',
		'/api/repos',
		{ host: host(), ...bearer(), 'content-type': 'application/json' },
		'x'.repeat(5_000_000)
	);
	expect([413, 400]).toContain(huge.status);
});
