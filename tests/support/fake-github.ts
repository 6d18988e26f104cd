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

export interface FakePull {
	number: number;
	title: string;
	body: string;
	draft: boolean;
	state: 'open' | 'closed';
	merged_at: string | null;
	base: { ref: string };
	head: { ref: string; sha: string };
	html_url: string;
	checks: {
		id: number;
		name: string;
		status: string;
		conclusion: string | null;
		html_url: string;
	}[];
	statuses: { context: string; state: string; target_url: string | null }[];
	reviews: { user: { login: string }; state: string }[];
	comments: {
		id: number;
		in_reply_to_id?: number;
		user: { login: string };
		path: string;
		line: number;
		body: string;
		html_url: string;
	}[];
	/** First comments of threads that somebody has resolved. */
	resolved: number[];
}

export const fakePull = (
	number: number,
	branch: string,
	extra: Partial<FakePull> = {}
): FakePull => ({
	...{ number, title: `Pull ${number}`, body: '', draft: false, state: 'open', merged_at: null },
	base: { ref: 'main' },
	head: { ref: branch, sha: String(number).repeat(40).slice(0, 40) },
	html_url: `https://github.example/octo/app/pull/${number}`,
	...{ checks: [], statuses: [], reviews: [], comments: [], resolved: [] },
	...extra
});

export interface FakeGithub {
	baseUrl: string;
	login: string;
	/** The tokens it takes. */
	tokens: Set<string>;
	repositories: FakeRepository[];
	/** Answers every request with this, while set. */
	failure: { status: number; headers?: Record<string, string>; message?: string } | null;
	/** Sends who asks under this path to the same under a number, as for a repository that was renamed. */
	movedFrom: string | null;
	/** Closes every connection without an answer, while set. */
	broken: boolean;
	/** Has no GraphQL, as behind a proxy that lets REST through only. */
	noGraphql: boolean;
	requests: { path: string; status: number }[];
	/** By number, from 1. */
	pulls: FakePull[];
	/** What a check of that id said. */
	logs: Map<number, string>;
	/** Is there such a branch to open a pull request from? */
	hasBranch: (name: string) => boolean;
	/** Takes what is no call of the API: a git server, for one. */
	other: ((request: IncomingMessage, response: ServerResponse) => void) | null;
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

/** With an ETag, and 304 when nothing has changed. */
const answerTagged = (
	body: unknown,
	request: IncomingMessage,
	response: ServerResponse
): number => {
	const text = JSON.stringify(body);
	const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 16)}"`;
	const status = request.headers['if-none-match'] === etag ? 304 : 200;
	response.writeHead(status, { 'content-type': 'application/json', etag });
	response.end(status === 304 ? undefined : text);
	return status;
};

/** A pull request as GitHub shows it: what else it has is asked for on its own. */
const shownPull = (pull: FakePull) => {
	const { number, title, body, draft, state, merged_at, base, head, html_url } = pull;
	return { number, title, body, draft, state, merged_at, base, head, html_url };
};

/** What GitHub answers about pull requests of `octo/app`; undefined: it has no such path. */
const readPulls = (github: FakeGithub, url: URL): unknown => {
	const path = url.pathname.replace(/^(\/api\/v3)?\/repos\/octo\/app/, '');
	const [, what, which = '', part] = path.split('/');
	const pull = github.pulls.find(
		({ number, head }) => String(number) === which || head.sha === which
	);
	if (path === '/pulls') {
		const head = url.searchParams.get('head');
		const found = github.pulls.filter((one) => `octo:${one.head.ref}` === head).reverse();
		return found.map(shownPull);
	}
	if (what === 'pulls' && part === 'reviews') return pull?.reviews;
	if (what === 'pulls' && part === 'comments') return pull?.comments;
	if (what === 'commits' && part === 'check-runs') return { check_runs: pull?.checks ?? [] };
	if (what === 'commits' && part === 'status') return { statuses: pull?.statuses ?? [] };
	if (what === 'check-runs' && part === 'annotations') return [];
	if (what === 'check-runs') {
		return { app: { slug: 'github-actions' }, output: { title: 'Tests failed', summary: null } };
	}
	return undefined;
};

const readJson = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
	let text = '';
	for await (const chunk of request) text += String(chunk);
	return JSON.parse(text) as Record<string, unknown>;
};

/** As GitHub refuses it: 422 with what is wrong in `errors`. */
const openPull = (github: FakeGithub, asked: Record<string, unknown>): [number, unknown] => {
	const head = String(asked.head);
	const refuse = (message: string): [number, unknown] => [
		422,
		{ message: 'Validation Failed', errors: [{ resource: 'PullRequest', code: 'custom', message }] }
	];
	if (!github.hasBranch(head)) {
		const errors = [{ resource: 'PullRequest', field: 'head', code: 'invalid' }];
		return [422, { message: 'Validation Failed', errors }];
	}
	if (github.pulls.some(({ state, head: { ref } }) => state === 'open' && ref === head)) {
		return refuse(`A pull request already exists for octo:${head}.`);
	}
	const pull = fakePull(github.pulls.length + 1, head, {
		title: String(asked.title),
		body: String(asked.body),
		draft: asked.draft === true,
		base: { ref: String(asked.base) }
	});
	github.pulls.push(pull);
	return [201, shownPull(pull)];
};

/** Threads of a pull request: the one thing that the app asks GraphQL for. */
const answerThreads = (github: FakeGithub, { variables }: Record<string, unknown>): unknown => {
	const { number: asked } = variables as { number: number };
	const pull = github.pulls.find(({ number }) => number === asked);
	const nodes = (pull?.comments ?? [])
		.filter(({ in_reply_to_id: parent }) => parent === undefined)
		.map(({ id }) => ({
			isResolved: pull?.resolved.includes(id),
			comments: { nodes: [{ databaseId: id }] }
		}));
	return { data: { repository: { pullRequest: { reviewThreads: { nodes } } } } };
};

const routePulls = async (
	github: FakeGithub,
	url: URL,
	request: IncomingMessage,
	response: ServerResponse
): Promise<number> => {
	if (request.method === 'POST') {
		const [status, body] = openPull(github, await readJson(request));
		response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
		return status;
	}
	const job = /\/actions\/jobs\/(\d+)\/logs$/.exec(url.pathname)?.[1];
	if (job) {
		response
			.writeHead(200, { 'content-type': 'text/plain' })
			.end(github.logs.get(Number(job)) ?? '');
		return 200;
	}
	const found = readPulls(github, url);
	if (found !== undefined) return answerTagged(found, request, response);
	response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Not Found"}');
	return 404;
};

const route = async (
	github: FakeGithub,
	request: IncomingMessage,
	response: ServerResponse
): Promise<number> => {
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
	const { movedFrom } = github;
	if (movedFrom && url.pathname.includes(movedFrom)) {
		const location = url.href.replace(movedFrom, '/repositories/1');
		return send(301, { message: 'Moved Permanently', url: location }, { location });
	}
	url.pathname = url.pathname.replace('/repositories/1', '/repos/octo/app');
	const token = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
	if (!github.tokens.has(token)) return send(401, { message: 'Bad credentials' });
	if (url.pathname.endsWith('/graphql') && !github.noGraphql) {
		return send(200, answerThreads(github, await readJson(request)));
	}
	if (url.pathname === '/user') return send(200, { login: github.login });
	if (url.pathname === '/user/repos') return answerUserRepos(github, url, request, response);
	if (url.pathname.includes('/repos/octo/app/')) return routePulls(github, url, request, response);
	return send(404, { message: 'Not Found' });
};

export const startFakeGithub = async (): Promise<FakeGithub> => {
	const server = createServer((request, response) => {
		if (github.broken) return void request.socket.destroy();
		if (github.other && !request.url?.startsWith('/api/')) return github.other(request, response);
		const log = { path: request.url ?? '', status: 0 };
		github.requests.push(log);
		void route(github, request, response).then((status) => (log.status = status));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const github: FakeGithub = {
		baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		login: 'octo',
		tokens: new Set(['good-token']),
		repositories: [],
		failure: null,
		movedFrom: null,
		broken: false,
		noGraphql: false,
		requests: [],
		pulls: [],
		logs: new Map(),
		hasBranch: () => true,
		other: null,
		close: () =>
			new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			})
	};
	return github;
};
