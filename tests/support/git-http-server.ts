/**
 * A real git server over http on loopback: git's own `http-backend`, called as CGI. Serves the bare
 * and non-bare repositories of a folder; can ask for a password, redirect, stall and count.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface GitHttpServer {
	port: number;
	/** `http://127.0.0.1:<port>`. */
	origin: string;
	/** `127.0.0.1:<port>`, as it goes into allowGitHosts. */
	host: string;
	requests: { url: string; authorization: string | null }[];
	/** Path prefix to where requests are sent with a 301: a path or a whole address. */
	redirects: Map<string, string>;
	/** Answers nothing, and keeps the connection, while set. */
	stalled: boolean;
	/** What it answers to some requests instead of git; null: git. */
	refusal: (request: IncomingMessage) => { status: number; text: string } | null;
	close(): Promise<void>;
}

export interface GitHttpServerOptions {
	root: string;
	/** `user:password` that every request must carry. */
	credentials?: string;
}

const sendCgiAnswer = (output: Buffer, response: ServerResponse): void => {
	const end = output.indexOf('\r\n\r\n');
	let status = 200;
	for (const line of output.subarray(0, end).toString('latin1').split('\r\n')) {
		const colon = line.indexOf(':');
		const name = line.slice(0, colon);
		const value = line.slice(colon + 1).trim();
		if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
		else response.setHeader(name, value);
	}
	response.writeHead(status).end(output.subarray(end + 4));
};

/** Serves one request for a repository of the folder. */
export const callBackend = (
	root: string,
	request: IncomingMessage,
	response: ServerResponse
): void => {
	const url = new URL(request.url ?? '/', 'http://localhost');
	const child = spawn(
		join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend'),
		{
			env: {
				PATH: process.env.PATH,
				GIT_PROJECT_ROOT: root,
				GIT_HTTP_EXPORT_ALL: '1',
				GIT_CONFIG_COUNT: '2',
				GIT_CONFIG_KEY_0: 'safe.directory',
				GIT_CONFIG_VALUE_0: '*',
				GIT_CONFIG_KEY_1: 'http.receivepack',
				GIT_CONFIG_VALUE_1: 'true',
				PATH_INFO: decodeURIComponent(url.pathname),
				QUERY_STRING: url.search.slice(1),
				REQUEST_METHOD: request.method,
				CONTENT_TYPE: request.headers['content-type'] ?? '',
				HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
				GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
				REMOTE_USER: 'test',
				REMOTE_ADDR: '127.0.0.1'
			}
		}
	);
	const chunks: Buffer[] = [];
	child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
	child.stdin.on('error', () => undefined);
	request.pipe(child.stdin);
	child.on('close', () => sendCgiAnswer(Buffer.concat(chunks), response));
};

export const startGitHttpServer = async (options: GitHttpServerOptions): Promise<GitHttpServer> => {
	const expected = options.credentials
		? `Basic ${Buffer.from(options.credentials).toString('base64')}`
		: null;
	const state: Omit<GitHttpServer, 'close' | 'port' | 'origin' | 'host'> = {
		requests: [],
		redirects: new Map(),
		stalled: false,
		refusal: () => null
	};
	const server = createServer((request, response) => {
		const url = request.url ?? '/';
		const authorization = request.headers.authorization ?? null;
		state.requests.push({ url, authorization });
		if (state.stalled) return;
		for (const [from, to] of state.redirects) {
			if (!url.startsWith(from)) continue;
			return void response.writeHead(301, { location: to + url.slice(from.length) }).end();
		}
		if (expected !== null && authorization?.toLowerCase() !== expected.toLowerCase()) {
			return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
		}
		const refused = state.refusal(request);
		if (refused) {
			response.writeHead(refused.status, {
				...{ 'content-type': 'text/plain', 'www-authenticate': 'Basic realm="git"' }
			});
			return void response.end(refused.text);
		}
		callBackend(options.root, request, response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	return Object.assign(state, {
		port,
		origin: `http://127.0.0.1:${port}`,
		host: `127.0.0.1:${port}`,
		close: () =>
			new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			})
	});
};
