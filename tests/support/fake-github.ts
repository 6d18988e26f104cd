/**
 * A small GitHub REST server on loopback: the person, their repositories by page with ETags, and the
 * failures that GitHub has. It keeps what a test puts into it.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepository {
	full_name: string;
	description: string | null;
	private: boolean;
	pushed_at: string | null;
}

export interface FakeGithub {
	baseUrl: string;
	login: string;
	/** The tokens it takes. */
	tokens: Set<string>;
	repositories: FakeRepository[];
	/** Answers every request with this, while set. */
	failure: { status: number; headers?: Record<string, string>; message?: string } | null;
	/** Closes every connection without an answer, while set. */
	broken: boolean;
	requests: { path: string; status: number }[];
	close(): Promise<void>;
}

export const fakeRepository = (
	index: number,
	extra: Partial<FakeRepository> = {}
): FakeRepository => ({
	full_name: `octo/repo-${String(index).padStart(3, '0')}`,
	description: index % 2 === 0 ? `Number ${index}` : null,
	private: index % 3 === 0,
	pushed_at: new Date(Date.UTC(2026, 0, 1) - index * 3_600_000).toISOString(),
	...extra
});

const linkTo = (baseUrl: string, url: URL, page: number): string => {
	const next = new URL(url);
	next.searchParams.set('page', String(page));
	return `<${baseUrl}${next.pathname}${next.search}>; rel="next"`;
};

const answerUserRepos = (
	github: FakeGithub,
	url: URL,
	request: IncomingMessage,
	response: ServerResponse
): number => {
	const size = Number(url.searchParams.get('per_page') ?? 30);
	const page = Number(url.searchParams.get('page') ?? 1);
	const sorted = [...github.repositories].sort((a, b) =>
		(b.pushed_at ?? '').localeCompare(a.pushed_at ?? '')
	);
	const body = JSON.stringify(sorted.slice((page - 1) * size, page * size));
	const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
	response.setHeader('etag', etag);
	if (sorted.length > page * size)
		response.setHeader('link', linkTo(github.baseUrl, url, page + 1));
	if (request.headers['if-none-match'] === etag) {
		response.writeHead(304).end();
		return 304;
	}
	response.writeHead(200, { 'content-type': 'application/json' }).end(body);
	return 200;
};

const route = (github: FakeGithub, request: IncomingMessage, response: ServerResponse): number => {
	const url = new URL(request.url ?? '/', github.baseUrl);
	const send = (status: number, body: unknown, headers: Record<string, string> = {}): number => {
		response.writeHead(status, { 'content-type': 'application/json', ...headers });
		response.end(JSON.stringify(body));
		return status;
	};
	if (github.failure) {
		const { status, headers, message = 'Failure' } = github.failure;
		return send(status, { message }, headers);
	}
	const token = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
	if (!github.tokens.has(token)) return send(401, { message: 'Bad credentials' });
	if (url.pathname === '/user') return send(200, { login: github.login });
	if (url.pathname === '/user/repos') return answerUserRepos(github, url, request, response);
	return send(404, { message: 'Not Found' });
};

export const startFakeGithub = async (): Promise<FakeGithub> => {
	const server = createServer((request, response) => {
		if (github.broken) return void request.socket.destroy();
		const status = route(github, request, response);
		github.requests.push({ path: request.url ?? '', status });
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const github: FakeGithub = {
		baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		login: 'octo',
		tokens: new Set(['good-token']),
		repositories: [],
		failure: null,
		broken: false,
		requests: [],
		close: () =>
			new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			})
	};
	return github;
};
